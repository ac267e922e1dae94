package dev.microvm;

import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.testing.ChildJvm;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A program and the library in one image that jlink made, or merged into one jar. */
@Timeout(120)
final class PackagedProgramTest {
    private static final String DENY = "--illegal-native-access=deny"; // since Java 24
    private static final String OPTION = "--enable-native-access=dev.microvm.core,dev.microvm.engine";
    private static final String MANIFEST_LINE = "Enable-Native-Access";
    private static final String SERVICES = "META-INF/services";

    private static final String DESCRIPTOR = """
            module program {
                requires dev.microvm.boot;
            }
            """;

    /** Prints the problems of a machine, or how its guest ended. */
    private static final String PROGRAM = """
            package program;

            import dev.microvm.MicroVm;
            import dev.microvm.MicroVmBuilder;
            import dev.microvm.model.HypervisorChoice;
            import java.nio.file.Path;
            import java.time.Duration;

            public final class Main {
                public static void main(String[] args) {
                    MicroVmBuilder machine = MicroVm.builder().kernel(Path.of(args[0])).cmdline("exit")
                            .memoryMiB(16).hypervisor(HypervisorChoice.ENGINE);
                    machine.problems().forEach(System.out::println);
                    if (!machine.problems().isEmpty()) return;
                    try (MicroVm vm = machine.start()) {
                        System.out.println(vm.awaitExit(Duration.ofMinutes(1)).reason());
                    }
                }
            }
            """;

    @TempDir
    private static Path compiled;

    @TempDir
    private Path folder;

    private static Path program() {
        return compiled.resolve("program");
    }

    private static Path kernel() {
        return compiled.resolve("ends.elf");
    }

    @BeforeAll
    static void compileProgram() throws Exception {
        assumeTrue(Runtime.version().feature() >= 24, "Java 24 is the first with " + DENY);
        Files.write(kernel(), TinyKernel.elf());
        Path sources = Files.createDirectories(compiled.resolve("sources/program"));
        Path main = Files.writeString(sources.resolve("Main.java"), PROGRAM);
        Path descriptor = Files.writeString(sources.resolveSibling("module-info.java"), DESCRIPTOR);
        String output = program().toString();
        run(compiled, "javac", "-d", output, "-p", modulePath(), main.toString(), descriptor.toString());
    }

    @Test
    void saysHowToLinkTheEngine_whenTheImageIsWithoutIt() throws Exception {
        Path image = link("program");

        assertThat(runImage(image))
                .containsExactly("hypervisor: microvm-engine is missing in this runtime image:"
                        + " make it with jlink --add-modules dev.microvm.engine");
    }

    @Test
    void saysTheOption_whenTheImageDeniesNativeAccess() throws Exception {
        Path image = link("program,dev.microvm.engine");

        assertThat(runImage(image, DENY))
                .containsExactly("hypervisor: this JVM denies native access: start it with " + OPTION);
        assertThat(runImage(image, DENY, OPTION)).containsExactly("EXIT_PORT");
    }

    @Test
    void saysTheLineOfTheManifest_whenTheJarDeniesNativeAccess() throws Exception {
        Path silent = mergedJar(new Manifest(), true);
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(new Attributes.Name(MANIFEST_LINE), "ALL-UNNAMED");
        Path allowed = mergedJar(manifest, true);

        assertThat(runJar(silent))
                .containsExactly("hypervisor: this JVM denies native access: start it with"
                        + " --enable-native-access=ALL-UNNAMED, or, with java -jar, put the line"
                        + " \"Enable-Native-Access: ALL-UNNAMED\" into the manifest of that jar");
        assertThat(runJar(allowed)).containsExactly("EXIT_PORT");
    }

    @Test
    void saysHowToMerge_whenOneServiceFileReplacedTheOther() throws Exception {
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(new Attributes.Name(MANIFEST_LINE), "ALL-UNNAMED");

        assertThat(runJar(mergedJar(manifest, false)))
                .containsExactly("hypervisor: microvm-engine is on the class path, but not found as a service:"
                        + " merge META-INF/services when jars are merged into one"
                        + " (Maven shade: ServicesResourceTransformer; Gradle shadow: mergeServiceFiles())");
    }

    private static String modulePath() throws URISyntaxException {
        return Stream.of(LibraryModules.ours(), LibraryModules.required(), List.of(program()))
                .flatMap(List::stream)
                .map(Path::toString)
                .collect(Collectors.joining(File.pathSeparator));
    }

    private Path link(String modules) throws Exception {
        Path image = folder.resolve("image");
        run(folder, "jlink", "--module-path", modulePath(), "--add-modules", modules, "--output", image.toString());
        return image;
    }

    /** Runs a tool of the JDK that runs the tests. */
    private static void run(Path folder, String tool, String... arguments) throws IOException, InterruptedException {
        Path file = Path.of(ChildJvm.java()).resolveSibling(tool);
        assumeTrue(Files.isExecutable(file), "no " + file);
        ChildJvm.run(
                Stream.concat(Stream.of(file.toString()), Stream.of(arguments)).toList(), folder);
    }

    private List<String> runImage(Path image, String... options) throws Exception {
        List<String> command = new ArrayList<>(List.of(image.resolve("bin/java").toString()));
        command.addAll(List.of(options));
        command.addAll(List.of("-m", "program/program.Main", kernel().toString()));
        return ChildJvm.run(command, folder);
    }

    private List<String> runJar(Path jar) throws Exception {
        return ChildJvm.run(List.of(ChildJvm.java(), DENY, "-jar", jar.toString(), kernel().toString()), folder);
    }

    /**
     * Merges the program and the library into one jar. Of two service files the first one stays
     * unless they are merged.
     */
    private Path mergedJar(Manifest manifest, boolean mergesServices) throws IOException, URISyntaxException {
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().put(Attributes.Name.MAIN_CLASS, "program.Main");
        Path jar = Files.createTempFile(folder, "merged", ".jar");
        try (OutputStream out = Files.newOutputStream(jar)) {
            new JarOutputStream(out, manifest).close();
        }
        try (FileSystem merged = FileSystems.newFileSystem(URI.create("jar:" + jar.toUri()), Map.of())) {
            Path root = merged.getPath("/");
            for (Path each : LibraryModules.ours()) merge(each, root, mergesServices);
            for (Path each : LibraryModules.required()) merge(each, root, mergesServices);
            merge(program(), root, mergesServices);
        }
        return jar;
    }

    private static void merge(Path part, Path root, boolean mergesServices) throws IOException {
        if (Files.isDirectory(part)) {
            copy(part, root, mergesServices);
        } else {
            try (FileSystem jar = FileSystems.newFileSystem(part)) {
                copy(jar.getPath("/"), root, mergesServices);
            }
        }
    }

    private static void copy(Path from, Path root, boolean mergesServices) throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.walk(from)) {
            files = all.filter(Files::isRegularFile).toList();
        }
        for (Path file : files) {
            String name = from.relativize(file).toString().replace('\\', '/');
            if (name.endsWith("module-info.class") || name.equals("META-INF/MANIFEST.MF")) continue;
            Path to = root.resolve(name);
            Files.createDirectories(to.getParent());
            if (!name.startsWith(SERVICES) || !Files.exists(to)) {
                Files.copy(file, to, REPLACE_EXISTING);
            } else if (mergesServices) {
                Files.write(to, Files.readAllBytes(file), StandardOpenOption.APPEND);
            }
        }
    }
}
