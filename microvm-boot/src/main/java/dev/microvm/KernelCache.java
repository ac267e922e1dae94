package dev.microvm;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The files of bundled kernels, in a folder that processes share. A file appears under its name
 * when it is complete, and never changes.
 */
final class KernelCache {
    static final String PROPERTY = "microvm.cache";

    private static final String IMAGE = "vmlinuz";
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

    /** Files whose content this JVM has checked. */
    private static final Set<Path> CHECKED = ConcurrentHashMap.newKeySet();

    private final Path folder;

    KernelCache(Path folder) {
        this.folder = folder;
    }

    /** Returns the cache of this user. */
    static KernelCache ofUser() {
        return new KernelCache(folder(System.getProperty(PROPERTY), System.getenv(), System.getProperty("user.home")));
    }

    static Path folder(@Nullable String property, Map<String, String> environment, String home) {
        if (property != null) return Path.of(property);
        String own = environment.get("MICROVM_CACHE");
        if (own != null) return Path.of(own);
        String caches = environment.get("XDG_CACHE_HOME");
        return (caches == null ? Path.of(home, ".cache") : Path.of(caches)).resolve("microvm");
    }

    /** Returns the kernel's file, which is written or replaced if needed. */
    Path file(BundledKernel kernel) {
        String sha256 = kernel.sha256();
        if (!SHA256.matcher(sha256).matches()) {
            throw problem("the bundled kernel %s has no SHA-256, but \"%s\"".formatted(kernel.release(), sha256), null);
        }
        Path file = folder.toAbsolutePath().resolve("bundled").resolve(sha256).resolve(IMAGE);
        try {
            if (!isChecked(file, sha256)) extract(kernel, file);
        } catch (IOException e) {
            throw problem(
                    "the bundled kernel cannot be written to %s: %s: make that folder writable, or name another one by -D%s"
                            .formatted(file, e, PROPERTY),
                    e);
        }
        CHECKED.add(file);
        return file;
    }

    private static boolean isChecked(Path file, String sha256) throws IOException {
        if (!Files.isRegularFile(file)) return false;
        if (CHECKED.contains(file)) return true;
        try (InputStream in = Files.newInputStream(file)) {
            return copy(in, OutputStream.nullOutputStream()).equals(sha256);
        }
    }

    /** Writes the kernel beside its file, then gives it that name. */
    private static void extract(BundledKernel kernel, Path file) throws IOException {
        Path parent = Objects.requireNonNull(file.getParent());
        Files.createDirectories(parent);
        Path part = Files.createTempFile(parent, IMAGE, ".part");
        try {
            String sha256;
            try (InputStream in = kernel.open();
                    OutputStream out = Files.newOutputStream(part)) {
                sha256 = copy(in, out);
            }
            if (!sha256.equals(kernel.sha256())) {
                throw problem(
                        "the bundled kernel %s is damaged: its SHA-256 is %s, and should be %s: replace its jar"
                                .formatted(kernel.release(), sha256, kernel.sha256()),
                        null);
            }
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(part);
        }
    }

    /** Copies everything, and returns its SHA-256. */
    private static String copy(InputStream in, OutputStream out) throws IOException {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            new DigestInputStream(in, digest).transferTo(out);
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }

    private static MicroVmConfigException problem(String text, @Nullable Throwable cause) {
        MicroVmConfigException problem = new MicroVmConfigException(List.of("kernel: " + text));
        if (cause != null) problem.initCause(cause);
        return problem;
    }
}
