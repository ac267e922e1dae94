package dev.microvm.sandbox;

import dev.microvm.Kernels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A kernel for sandboxes.
 *
 * @param file the kernel
 * @param modules the tree of its modules; null if all drivers are built in
 * @param release what {@code uname -r} prints; of use with modules only
 */
record GuestKernel(Path file, @Nullable Path modules, String release) {
    /** Names a kernel's file or folder for programs that name none. */
    static final String PROPERTY = "microvm.sandbox.kernel";

    /** Returns a kernel that has all drivers built in. */
    static GuestKernel of(Path file) {
        return new GuestKernel(file, null, "");
    }

    /**
     * Returns what the system property names, otherwise the bundled kernel.
     *
     * @throws dev.microvm.MicroVmConfigException if no kernel is bundled
     * @throws SandboxException if the property's folder is not complete
     */
    static GuestKernel byDefault() {
        String named = System.getProperty(PROPERTY, "");
        if (named.isEmpty()) return of(Kernels.bundled());
        Path path = Path.of(named);
        return Files.isDirectory(path) ? in(path) : of(path);
    }

    /** Returns false if the kernel's modules are known, and this one is neither among them nor built in. */
    boolean mayHave(String module) {
        if (modules == null) return true;
        String file = "/" + module + ".ko";
        try {
            for (String index : List.of("modules.dep", "modules.builtin")) {
                Path lines = modules.resolve(index);
                if (Files.exists(lines) && Files.readString(lines).contains(file)) return true;
            }
            return false;
        } catch (IOException e) {
            return true; // who reads the modules says what is wrong
        }
    }

    /** Returns the kernel of a folder: {@code vmlinuz}, {@code modules} and {@code release}. */
    private static GuestKernel in(Path folder) {
        try {
            String release = Files.readString(folder.resolve("release")).strip();
            return new GuestKernel(folder.resolve("vmlinuz"), folder.resolve("modules"), release);
        } catch (IOException e) {
            throw new SandboxException(
                    "%s: %s has no readable file 'release': name a kernel, or a folder of scripts/guest-files"
                            .formatted(PROPERTY, folder),
                    e);
        }
    }
}
