package dev.microvm;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNoException;

import dev.microvm.boot.testing.FakeKernel;
import dev.microvm.testing.ChildJvm;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Bundled kernels as services and as files. {@code microvm-kernel} tests the real one. */
@Timeout(120)
final class KernelsTest {
    private static final byte[] IMAGE = image(1);
    private static final int PROCESSES = 4;

    @TempDir
    private Path folder;

    private static byte[] image(long seed) {
        byte[] image = new byte[1 << 20];
        new Random(seed).nextBytes(image);
        return image;
    }

    private Path file(BundledKernel kernel) {
        return Kernels.find(List.of(kernel), new KernelCache(folder)).orElseThrow();
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }

    @Test
    void writesTheImageOnce_andReturnsItsFile() throws IOException {
        FakeKernel kernel = new FakeKernel("6.1", IMAGE);

        Path first = file(kernel);
        Object identity = Files.readAttributes(first, BasicFileAttributes.class).fileKey();

        assertThat(first).isAbsolute().hasBinaryContent(IMAGE);
        assertThat(file(kernel)).isEqualTo(first);
        assertThat(Files.readAttributes(first, BasicFileAttributes.class).fileKey())
                .isEqualTo(identity);
        assertThat(files()).containsExactly(first);
    }

    @Test
    void keepsTwoVersionsSideBySide() throws IOException {
        Path one = file(new FakeKernel("6.1", IMAGE));
        Path other = file(new FakeKernel("6.12", image(2)));

        assertThat(one).hasBinaryContent(IMAGE);
        assertThat(other).hasBinaryContent(image(2));
        assertThat(files()).containsExactlyInAnyOrder(one, other);
    }

    @Test
    void replacesAFileThatHasAnotherContent() throws IOException {
        FakeKernel kernel = new FakeKernel("6.1", IMAGE);
        Path file = folder.resolve("bundled").resolve(kernel.sha256()).resolve("vmlinuz");
        Files.createDirectories(file.getParent());
        Files.write(file, new byte[1000]); // as a power failure may leave it

        assertThat(file(kernel)).isEqualTo(file).hasBinaryContent(IMAGE);
    }

    @Test
    void writesTheFileAgain_whenSomebodyHasEmptiedTheCache() throws IOException {
        FakeKernel kernel = new FakeKernel("6.1", IMAGE);
        Files.delete(file(kernel));

        assertThat(file(kernel)).hasBinaryContent(IMAGE);
    }

    @Test
    void leavesNoFile_whenTheImageIsNotWhatItsHashSays() throws IOException {
        FakeKernel kernel = new FakeKernel("6.1", FakeKernel.sha256(image(2)), IMAGE);

        assertThatExceptionOfType(MicroVmConfigException.class)
                .isThrownBy(() -> file(kernel))
                .withMessageContaining("the bundled kernel 6.1 is damaged: its SHA-256 is")
                .withMessageContaining("replace its jar");
        assertThat(files()).isEmpty();
    }

    @Test
    void refusesAHashThatIsNone() {
        assertThatExceptionOfType(MicroVmConfigException.class)
                .isThrownBy(() -> file(new FakeKernel("6.1", "../../x", IMAGE)))
                .withMessageContaining("has no SHA-256, but \"../../x\"");
    }

    @Test
    void namesTheFolderAndTheRemedy_whenItCannotWrite() throws IOException {
        KernelCache cache = new KernelCache(Files.writeString(folder.resolve("a-file"), ""));

        assertThatExceptionOfType(MicroVmConfigException.class)
                .isThrownBy(() -> cache.file(new FakeKernel("6.1", IMAGE)))
                .withMessageContaining(folder.resolve("a-file").toString())
                .withMessageContaining("-Dmicrovm.cache");
    }

    @Test
    void refusesToChooseAmongSeveral() {
        List<BundledKernel> two = List.of(new FakeKernel("6.1", IMAGE), new FakeKernel("6.12", IMAGE));

        assertThatExceptionOfType(MicroVmConfigException.class)
                .isThrownBy(() -> Kernels.find(two, new KernelCache(folder)))
                .withMessageContaining("this program has 2 bundled kernels, 6.1 and 6.12: keep one");
    }

    @Test
    void findsNothing_whenThereIsNone() {
        assertThat(Kernels.find(List.of(), new KernelCache(folder))).isEmpty();
        assertThatNoException().isThrownBy(Kernels::findBundled);
    }

    @Test
    void looksForTheCacheWhereTheScriptsDo() {
        Map<String, String> all = Map.of("MICROVM_CACHE", "/own", "XDG_CACHE_HOME", "/caches");

        assertThat(KernelCache.folder("/given", all, "/home")).hasToString("/given");
        assertThat(KernelCache.folder(null, all, "/home")).hasToString("/own");
        assertThat(KernelCache.folder(null, Map.of("XDG_CACHE_HOME", "/caches"), "/home"))
                .hasToString("/caches/microvm");
        assertThat(KernelCache.folder(null, Map.of(), "/home")).hasToString("/home/.cache/microvm");
    }

    // Programs with a jar

    private Process start(String classPath) throws IOException {
        return new ProcessBuilder(
                        ChildJvm.java(),
                        "-Dmicrovm.cache=" + folder.resolve("cache"),
                        "-cp",
                        classPath,
                        FakeKernel.Program.class.getName())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private static String output(Process process) throws IOException {
        return new String(process.getInputStream().readAllBytes(), UTF_8).strip();
    }

    @Test
    void areFoundInAJar_bySeveralProcessesAtOnce() throws IOException {
        Path jar = FakeKernel.writeJar(folder.resolve("kernel.jar"), FakeKernel.class.getName(), IMAGE);
        List<Process> processes = new ArrayList<>();
        for (int i = 0; i < PROCESSES; i++) processes.add(start(jar + File.pathSeparator + ChildJvm.classPath()));

        Path file = folder.resolve("cache/bundled")
                .resolve(FakeKernel.sha256(IMAGE))
                .resolve("vmlinuz");
        for (Process process : processes) assertThat(output(process)).isEqualTo(file.toString());
        assertThat(file).hasBinaryContent(IMAGE);
        assertThat(files()).containsExactlyInAnyOrder(jar, file);
    }

    @Test
    void nameTheDependency_whenTheProgramHasNone() throws IOException {
        assertThat(output(start(ChildJvm.classPath())))
                .contains("this program has no bundled kernel")
                .contains("dev.microvm:microvm-kernel")
                .contains("scripts/kernel --jar");
    }

    @Test
    void nameTheServiceFile_whenItsClassIsNotThere() throws IOException {
        Path jar = FakeKernel.writeJar(folder.resolve("kernel.jar"), "dev.microvm.NoSuchKernel", IMAGE);

        assertThat(output(start(jar + File.pathSeparator + ChildJvm.classPath())))
                .contains("dev.microvm.NoSuchKernel")
                .contains("merge META-INF/services");
    }
}
