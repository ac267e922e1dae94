package dev.microvm;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.testing.ChildJvm;
import java.io.File;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Where the modules of the library lie, and those that they require. */
final class LibraryModules {
    private static final List<String> REQUIRED = List.of("slf4j-", "xz-", "jspecify-", "asm-");

    private LibraryModules() {}

    /**
     * Returns the folders or jars of the library's modules; skips the test if they lie in one
     * folder, without descriptors.
     */
    static List<Path> ours() throws URISyntaxException {
        List<Path> modules = new ArrayList<>();
        for (Class<?> each : List.of(Hypervisor.class, DiskImage.class, MicroVm.class, engine())) {
            modules.add(Path.of(
                    each.getProtectionDomain().getCodeSource().getLocation().toURI()));
        }
        boolean modular = modules.stream().distinct().count() == modules.size();
        assumeTrue(modular, "the modules lie in one folder, without descriptors");
        return modules;
    }

    /** Returns the jars that ours require. */
    static List<Path> required() {
        return Stream.of(ChildJvm.classPath().split(File.pathSeparator))
                .filter(each -> REQUIRED.stream().anyMatch(name -> each.contains(File.separator + name)))
                .map(Path::of)
                .toList();
    }

    private static Class<?> engine() {
        return Hypervisor.installed().stream()
                .filter(each -> each.name().equals("engine"))
                .findFirst()
                .orElseThrow()
                .getClass();
    }
}
