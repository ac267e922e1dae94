package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.boot.testing.NativeAccessProgram;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.testing.ChildJvm;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** JVMs that deny native access, which is what later ones do unless an option allows it. */
@Timeout(120)
public final class NativeAccessTest {
    private static final String DENY = "--illegal-native-access=deny"; // since Java 24
    private static final String OPTION_OF_CLASS_PATH = "hypervisor: this JVM denies native access: start it with"
            + " --enable-native-access=ALL-UNNAMED, or, with java -jar, put the line"
            + " \"Enable-Native-Access: ALL-UNNAMED\" into the manifest of that jar";
    private static final String OPTION_OF_MODULE_PATH = "hypervisor: this JVM denies native access: start it with"
            + " --enable-native-access=dev.microvm.core,dev.microvm.engine";

    @TempDir
    private Path folder;

    @BeforeEach
    void makeDisk() throws IOException {
        assumeTrue(Runtime.version().feature() >= 24, "Java 24 is the first with " + DENY);
        Files.write(folder.resolve("disk"), new byte[4096]);
    }

    @ParameterizedTest
    @EnumSource
    void isTheOnlyProblem_whenTheClassPathMayNot(HypervisorChoice choice) throws Exception {
        assertThat(run(onClassPath(), choice.name(), DENY)).containsExactly(OPTION_OF_CLASS_PATH);
    }

    @ParameterizedTest
    @EnumSource
    void isTheOnlyProblem_whenNoModuleMay(HypervisorChoice choice) throws Exception {
        assertThat(run(onModulePath(), choice.name(), DENY)).containsExactly(OPTION_OF_MODULE_PATH);
    }

    @Test
    void isNoProblem_whenTheJvmOnlyWarns() throws Exception {
        assertThat(run(onClassPath(), "ENGINE")).contains("EXIT_PORT!");
    }

    @Test
    void isNoProblem_whenTheManifestAllowsIt() throws Exception {
        List<String> command = List.of("-jar", executableJar().toString());

        assertThat(run(command, "ENGINE", DENY)).contains("EXIT_PORT!");
    }

    /** Nothing of the machine is native there: no eventfd, no pread, no memfd, no madvise. */
    @Test
    void leavesTheEngineAtWork_whenOnlyThatModuleMay() throws Exception {
        String only = "--enable-native-access=dev.microvm.engine";

        assertThat(run(onModulePath(), "AUTO", DENY, only))
                .contains("EXIT_PORT!")
                .anyMatch(line -> line.contains("the Java engine, because this JVM denies native access"));
    }

    @Test
    void isAProblemOfTheTerminalAndOfTaps_whenOnlyTheEngineMay() throws Exception {
        List<String> command = new ArrayList<>(onModulePath());

        assertThat(run(
                        command,
                        "ENGINE " + NativeAccessProgram.OF_LINUX,
                        DENY,
                        "--enable-native-access=dev.microvm.engine"))
                .satisfiesExactly(
                        line -> assertThat(line)
                                .startsWith("serial: stdio() is not possible: this JVM denies native access"),
                        line -> assertThat(line)
                                .startsWith("virtioNet: a tap is not possible: this JVM denies native access"));
    }

    private static List<String> onClassPath() {
        return List.of("-cp", ChildJvm.classPath(), NativeAccessProgram.class.getName());
    }

    /** The library by its modules, and the tests on the class path. */
    private static List<String> onModulePath() throws URISyntaxException {
        List<String> modules =
                LibraryModules.ours().stream().map(Path::toString).toList();
        String others = Stream.of(ChildJvm.classPath().split(File.pathSeparator))
                .filter(each -> !modules.contains(each))
                .collect(Collectors.joining(File.pathSeparator));
        String all = Stream.concat(
                        modules.stream(), LibraryModules.required().stream().map(Path::toString))
                .collect(Collectors.joining(File.pathSeparator));
        return List.of(
                "--module-path",
                all,
                "--add-modules",
                "dev.microvm.boot,dev.microvm.engine",
                "-cp",
                others,
                NativeAccessProgram.class.getName());
    }

    private Path executableJar() throws IOException {
        Manifest manifest = new Manifest();
        Attributes lines = manifest.getMainAttributes();
        lines.put(Attributes.Name.MANIFEST_VERSION, "1.0");
        lines.put(Attributes.Name.MAIN_CLASS, NativeAccessProgram.class.getName());
        lines.put(new Attributes.Name("Enable-Native-Access"), "ALL-UNNAMED");
        String classPath = Stream.of(ChildJvm.classPath().split(File.pathSeparator))
                .map(each -> Path.of(each).toUri().toString())
                .collect(Collectors.joining(" "));
        lines.put(Attributes.Name.CLASS_PATH, classPath);
        Path jar = folder.resolve("program.jar");
        try (OutputStream out = Files.newOutputStream(jar)) {
            new JarOutputStream(out, manifest).close();
        }
        return jar;
    }

    /** Runs the program and returns what it prints, without what the JVM prints. */
    private List<String> run(List<String> program, String arguments, String... options) throws Exception {
        List<String> command = new ArrayList<>(List.of(ChildJvm.java()));
        command.addAll(List.of(options));
        command.addAll(program);
        command.add(folder.toString());
        command.addAll(List.of(arguments.split(" ")));
        return ChildJvm.run(command, folder);
    }
}
