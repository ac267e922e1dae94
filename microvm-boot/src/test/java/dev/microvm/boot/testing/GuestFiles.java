package dev.microvm.boot.testing;

import dev.microvm.testing.Lanes;
import java.nio.file.Files;
import java.nio.file.Path;

/** The real kernels and programs that {@code scripts/guest-files} fetches. */
public final class GuestFiles {
    private GuestFiles() {}

    /** Returns the file {@code name}; fails with the remedy if it is missing. */
    public static Path file(String name) {
        Path file = folder().resolve(name);
        if (!Files.exists(file)) throw new AssertionError("no " + file + ": run scripts/guest-files");
        return file;
    }

    /** Returns the kernel of {@code microvm-kernel}; skips the test if it is not built. */
    public static Path bundledKernel() {
        Path file = folder().resolve("microvm/vmlinuz");
        Lanes.need("kernel", Files.exists(file) ? "" : "there is no " + file + ": scripts/kernel builds it");
        return file;
    }

    private static Path folder() {
        String given = System.getenv("MICROVM_GUEST");
        if (given != null) return Path.of(given);
        String cache = System.getenv().getOrDefault("XDG_CACHE_HOME", System.getProperty("user.home") + "/.cache");
        return Path.of(System.getenv().getOrDefault("MICROVM_CACHE", cache + "/microvm"))
                .resolve("guest");
    }
}
