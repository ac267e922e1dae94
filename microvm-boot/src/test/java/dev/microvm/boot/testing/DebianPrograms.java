package dev.microvm.boot.testing;

import dev.microvm.boot.Initramfs;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Shell scripts that run programs of busybox and of the root file system of {@code
 * scripts/guest-files}, in a guest, or for comparison on the host with the same programs and
 * libraries.
 *
 * <p>A script finds in its environment BUSYBOX; RUN, which goes before the name of a program of
 * {@code /usr/bin}; and ROOT, the folder of the root file system. Other variables hold the places
 * of libraries, and make results depend less on the processor: the C library's functions round
 * differently with FMA, so they are kept from it where the host's processor has none.
 */
public final class DebianPrograms {
    private static final int EXECUTABLE = 0755;
    private static final int READABLE = 0644;
    private static final int HOST_SECONDS = 120;
    private static final String LOADER = "lib64/ld-linux-x86-64.so.2";
    private static final String NO_FMA = "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4";
    private static final boolean HOST_HAS_FMA = hostHas("fma");

    private static final Path LIB = Path.of("lib"); // a link, which programs for Debian's own loader do without
    private static final Pattern PERL = Pattern.compile(
            "lib64.*|usr/bin/perl.*|usr/lib/[^/]*/(perl-base.*|(ld-|libc\\.|libcrypt\\.|libm\\.)[^/]*)");

    private DebianPrograms() {}

    private static boolean hostHas(String flag) {
        try {
            return Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
                    .anyMatch(line -> line.startsWith("flags") && (line + " ").contains(" " + flag + " "));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Adds the whole root file system. */
    public static Initramfs.Builder addTo(Initramfs.Builder files) {
        return addTree(files, root(), file -> true);
    }

    /**
     * Adds the files that Perl needs with Debian's base modules; {@code /lib} may also have other
     * files.
     */
    public static Initramfs.Builder addPerl(Initramfs.Builder files) {
        return addTree(files, root(), file -> PERL.matcher(file.toString()).matches());
    }

    /** Adds the SSH server {@code /usr/sbin/dropbear}; {@code /lib} may also have other files. */
    public static Initramfs.Builder addDropbear(Initramfs.Builder files) {
        return addTree(files, GuestFiles.file("dropbear"), file -> !file.equals(LIB));
    }

    /** Adds {@code /usr/sbin/nft}, which makes rules of nftables. */
    public static Initramfs.Builder addNft(Initramfs.Builder files) {
        return addTree(files, GuestFiles.file("nft"), file -> !file.equals(LIB));
    }

    /** Adds the files of a tree that are wanted, by their paths in it. */
    private static Initramfs.Builder addTree(Initramfs.Builder files, Path root, Predicate<Path> wanted) {
        try (Stream<Path> tree = Files.walk(root)) {
            for (Path file : tree.filter(f -> !f.equals(root) && wanted.test(root.relativize(f)))
                    .sorted()
                    .toList()) {
                String path = "/" + root.relativize(file);
                if (Files.isSymbolicLink(file)) {
                    files.symlink(path, Files.readSymbolicLink(file).toString());
                } else if (Files.isDirectory(file)) {
                    files.directory(path, EXECUTABLE);
                } else {
                    files.file(path, file, Files.isExecutable(file) ? EXECUTABLE : READABLE);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return files;
    }

    /** The shell commands that export what scripts expect in a guest. */
    public static String guestEnvironment() {
        StringBuilder exports = new StringBuilder();
        environment("", "/bin/busybox", "/usr/bin/")
                .forEach((name, value) -> exports.append("export %s='%s'\n".formatted(name, value)));
        return exports.toString();
    }

    /**
     * Runs {@code script}, a file in {@code folder}, in that folder on the host. Returns the output
     * of both streams, as if ROOT were empty.
     */
    public static String runOnHost(Path folder, String script) {
        Path root = root();
        String run =
                "%s --library-path %s %s/usr/bin/".formatted(root.resolve(LOADER), libraries(root.toString()), root);
        Path busybox = GuestFiles.file("busybox");
        try {
            ProcessBuilder builder = new ProcessBuilder(busybox.toString(), "sh", script)
                    .directory(folder.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(folder.resolve("output").toFile());
            builder.environment().clear();
            builder.environment().putAll(environment(root.toString(), busybox.toString(), run));
            Process process = builder.start();
            process.getOutputStream().close();
            if (!process.waitFor(HOST_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new AssertionError(script + " did not end on the host");
            }
            return Files.readString(folder.resolve("output"), StandardCharsets.ISO_8859_1)
                    .replace(root.toString(), "");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted while " + script + " ran on the host", e);
        }
    }

    /** Returns the resource {@code name} of the tests. */
    public static byte[] resource(String name) {
        try (@Nullable InputStream in = DebianPrograms.class.getResourceAsStream("/programs/" + name)) {
            if (in == null) throw new AssertionError("no resource programs/" + name);
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path root() {
        return GuestFiles.file("root");
    }

    private static String libraries(String root) {
        return root + "/usr/lib/x86_64-linux-gnu";
    }

    private static Map<String, String> environment(String root, String busybox, String run) {
        Map<String, String> environment = new TreeMap<>();
        environment.put("PATH", root.isEmpty() ? "/usr/bin:/bin:/sbin" : "/nowhere");
        environment.put("LC_ALL", "C");
        environment.put("ROOT", root);
        environment.put("BUSYBOX", busybox);
        environment.put("RUN", run);
        if (!HOST_HAS_FMA) environment.put("GLIBC_TUNABLES", NO_FMA);
        environment.put("PYTHONHOME", root + "/usr");
        environment.put("PYTHONDONTWRITEBYTECODE", "1");
        environment.put("PYTHONHASHSEED", "0");
        environment.put("PERL5LIB", perlFolders(root));
        environment.put("PERL_HASH_SEED", "0");
        environment.put("OPENSSL_CONF", "/dev/null");
        environment.put("OPENSSL_MODULES", libraries(root) + "/ossl-modules");
        return environment;
    }

    /**
     * Perl's folders, which have its version in their names; it looks for them from the file
     * system's root.
     */
    private static String perlFolders(String root) {
        if (root.isEmpty()) return "";
        try (Stream<Path> versions = Files.list(Path.of(root, "usr/share/perl"))) {
            String version = versions.findFirst().orElseThrow().getFileName().toString();
            return String.join(
                    ":",
                    List.of(
                            libraries(root) + "/perl-base",
                            libraries(root) + "/perl/" + version,
                            root + "/usr/share/perl/" + version));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
