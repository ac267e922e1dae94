package dev.microvm.boot;

import dev.microvm.boot.image.Compression;
import dev.microvm.boot.image.FileImage;
import dev.microvm.boot.image.InvalidImageException;
import dev.microvm.boot.image.PackedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The modules of one kernel in a folder {@code /lib/modules/<release>}. Any thread may use it.
 *
 * <p>Source: kmod's man pages modules.dep(5), and Linux Documentation/kbuild/kbuild.rst for {@code
 * modules.builtin}.
 */
final class KernelModules {
    private static final String DEPENDENCIES = "modules.dep"; // a path and the paths of what it needs, per line
    private static final String BUILTIN = "modules.builtin"; // one path per line
    private static final String SUFFIX = ".ko"; // with .xz, .gz or .zst behind it where they are compressed
    /** What begins the text in a module that says for which kernel it is: kernel/module/main.c. */
    private static final String VERMAGIC = "\0vermagic=";

    private static final int MAX_MODULE_SIZE = 64 * 1024 * 1024; // unpacked bytes; real ones have up to 10 MiB

    private final Path tree;
    private final Map<String, String> pathOfName = new HashMap<>();
    private final Map<String, List<String>> needs = new HashMap<>(); // by path
    private final Set<String> builtin = new HashSet<>(); // names

    private KernelModules(Path tree) {
        this.tree = tree;
    }

    /**
     * Reads the indexes of {@code tree}, a folder such as {@code /lib/modules/6.1.0-30-amd64}.
     *
     * @throws BootException if they cannot be read
     */
    static KernelModules open(Path tree) {
        KernelModules modules = new KernelModules(tree);
        Path dependencies = tree.resolve(DEPENDENCIES);
        try {
            for (String line : Files.readAllLines(dependencies, StandardCharsets.UTF_8)) {
                modules.addDependencies(line);
            }
            for (String line : readIfThere(tree.resolve(BUILTIN))) {
                modules.builtin.add(nameOf(line.strip()));
            }
        } catch (IOException e) {
            throw ImageFiles.unreadable(dependencies, "the modules.dep of a kernel's modules (see depmod)", e);
        }
        return modules;
    }

    /**
     * Returns the modules with these names and all that they need, as paths below the tree, in an
     * order in which they can be loaded, without those that are built into the kernel.
     *
     * @param names as {@code modprobe} takes them: {@code virtio_blk}, where - and _ are the same
     * @throws BootException if there is no such module
     */
    List<String> loadOrder(List<String> names) {
        Set<String> order = new LinkedHashSet<>();
        for (String name : names) {
            String normal = normalize(name);
            String path = pathOfName.get(normal);
            if (path != null) {
                addAfterNeeds(path, order, new HashSet<>());
            } else if (!builtin.contains(normal)) {
                throw new BootException(
                        tree.toString(), "a module '%s'".formatted(name), "none in modules.dep or modules.builtin");
            }
        }
        return List.copyOf(order);
    }

    /**
     * Returns a module's unpacked bytes, which any {@code insmod} can load.
     *
     * @throws BootException if it cannot be read
     */
    byte[] read(String path) {
        Path file = tree.resolve(path);
        try {
            FileImage whole = new FileImage(file, 0, ImageFiles.requireReadable(file, "a kernel module"));
            Optional<Compression> compression = compression(path);
            byte[] bytes = compression.isPresent()
                    ? new PackedImage(compression.get(), whole).head(MAX_MODULE_SIZE + 1)
                    : ImageFiles.read(file, Math.min(whole.size(), MAX_MODULE_SIZE + 1), "a kernel module");
            if (bytes.length > MAX_MODULE_SIZE) {
                throw new InvalidImageException(
                        "a kernel module of at most %d bytes".formatted(MAX_MODULE_SIZE), "a larger one");
            }
            return bytes;
        } catch (InvalidImageException e) {
            throw KernelImage.invalid(file, e);
        }
    }

    /**
     * Checks that a module is for the kernel that says this release. A module without the text is
     * not checked.
     *
     * @param path of the module, for the message
     */
    static void requireRelease(String path, byte[] module, String release) {
        String text = new String(module, StandardCharsets.ISO_8859_1);
        int at = text.indexOf(VERMAGIC);
        if (at < 0) return;
        int start = at + VERMAGIC.length();
        int end = start;
        while (end < text.length() && text.charAt(end) > ' ') end++;
        String found = text.substring(start, end);
        if (!found.equals(release)) {
            throw new BootException(
                    path,
                    "a module for release %s, which is what uname -r prints in the guest".formatted(release),
                    "one for release " + found);
        }
    }

    private static Optional<Compression> compression(String path) {
        return switch (path.substring(path.lastIndexOf('.'))) {
            case ".xz" -> Optional.of(Compression.XZ);
            case ".gz" -> Optional.of(Compression.GZIP);
            case ".zst" -> Optional.of(Compression.ZSTD);
            default -> Optional.empty();
        };
    }

    /** Returns the path of an unpacked module: {@code a/b.ko} for {@code a/b.ko.xz}. */
    static String unpackedPath(String path) {
        return path.substring(0, path.lastIndexOf(SUFFIX) + SUFFIX.length());
    }

    private void addDependencies(String line) {
        int colon = line.indexOf(':');
        if (colon < 0 || !line.substring(0, colon).contains(SUFFIX)) return; // a comment or unknown
        String path = line.substring(0, colon);
        pathOfName.put(nameOf(path), path);
        List<String> paths = new ArrayList<>();
        for (String need : line.substring(colon + 1).split(" ", -1)) {
            if (need.contains(SUFFIX)) paths.add(need);
        }
        needs.put(path, paths);
    }

    private void addAfterNeeds(String path, Set<String> order, Set<String> above) {
        if (order.contains(path) || !above.add(path)) return; // added already, or a cycle
        for (String need : needs.getOrDefault(path, List.of())) {
            addAfterNeeds(need, order, above);
        }
        order.add(path);
    }

    private static List<String> readIfThere(Path file) throws IOException {
        try {
            return Files.readAllLines(file, StandardCharsets.UTF_8);
        } catch (NoSuchFileException e) {
            return List.of();
        }
    }

    private static String nameOf(String path) {
        String file = path.substring(path.lastIndexOf('/') + 1);
        int suffix = file.lastIndexOf(SUFFIX);
        return normalize(suffix < 0 ? file : file.substring(0, suffix));
    }

    private static String normalize(String name) {
        return name.replace('-', '_');
    }
}
