package dev.microvm.sandbox.root.source;

import dev.microvm.sandbox.root.tree.Content;
import dev.microvm.sandbox.root.tree.ContentSink;
import dev.microvm.sandbox.root.tree.FileKind;
import dev.microvm.sandbox.root.tree.FileNode;
import dev.microvm.sandbox.root.tree.FileTree;
import dev.microvm.sandbox.root.tree.Metadata;
import dev.microvm.sandbox.root.tree.RawName;
import dev.microvm.sandbox.root.tree.RootContentException;
import dev.microvm.sandbox.root.tree.TreeLimits;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * A directory of the host, as it was when it was listed. What is mounted below it on other file
 * systems is left out: the directory there is empty. For one thread.
 */
public final class DirectorySource {
    private static final String ATTRIBUTES = "unix:mode,uid,gid,size,lastModifiedTime,ctime,rdev,nlink,ino,dev";

    private final Path directory;
    private final List<Found> files; // parents first; the directory itself is the first

    /** A file: its path, its raw name relative to the root, and its attributes. */
    private record Found(Path path, String name, Map<String, Object> attributes) {
        int number(String attribute) {
            return (Integer) attributes.get(attribute);
        }

        long longNumber(String attribute) {
            return (Long) attributes.get(attribute);
        }

        Instant time(String attribute) {
            return ((FileTime) attributes.get(attribute)).toInstant();
        }

        FileKind kind() {
            return FileKind.of(number("mode"));
        }
    }

    private DirectorySource(Path directory, List<Found> files) {
        this.directory = directory;
        this.files = files;
    }

    /**
     * Lists a directory.
     *
     * @throws RootContentException if something in it cannot be read
     */
    public static DirectorySource list(Path directory) {
        List<Found> files = new ArrayList<>();
        Deque<Found> directories = new ArrayDeque<>();
        Path at = directory;
        try {
            Found root = found(directory.toRealPath(), "");
            files.add(root);
            directories.push(root);
            while (!directories.isEmpty()) {
                Found parent = directories.pop();
                at = parent.path();
                if (parent.longNumber("dev") != root.longNumber("dev")) continue;
                try (DirectoryStream<Path> entries = Files.newDirectoryStream(at)) {
                    for (Path path : entries) {
                        at = path;
                        String name = RawName.of(path.getFileName());
                        Found file = found(path, parent.name().isEmpty() ? name : parent.name() + "/" + name);
                        files.add(file);
                        if (file.kind() == FileKind.DIRECTORY) directories.push(file);
                    }
                }
            }
        } catch (IOException e) {
            throw unreadable(at, e);
        }
        return new DirectorySource(directory, files);
    }

    private static Found found(Path path, String name) throws IOException {
        return new Found(path, name, Files.readAttributes(path, ATTRIBUTES, LinkOption.NOFOLLOW_LINKS));
    }

    private static RootContentException unreadable(Path path, IOException cause) {
        return new RootContentException(
                "%s cannot be read: %s".formatted(path, cause),
                "let this user read it, or make an archive of the directory as root",
                cause);
    }

    /**
     * Returns a digest of all names, types, owners, sizes and times: it changes if a file does,
     * without reading files.
     */
    public String fingerprint() {
        MessageDigest digest = Digests.sha256();
        List<String> lines = new ArrayList<>(files.size());
        for (Found file : files) {
            lines.add(file.name()
                    + '\0'
                    + file.number("mode")
                    + ' '
                    + file.number("uid")
                    + ' '
                    + file.number("gid")
                    + ' '
                    + file.longNumber("size")
                    + ' '
                    + file.longNumber("ino")
                    + ' '
                    + file.time("lastModifiedTime")
                    + ' '
                    + file.time("ctime"));
        }
        lines.sort(null);
        for (String line : lines) {
            digest.update(line.getBytes(StandardCharsets.ISO_8859_1));
            digest.update((byte) '\n');
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /**
     * Reads the files into a tree.
     *
     * @throws RootContentException if a file changes meanwhile, or cannot be read
     */
    public void read(FileTree tree, ContentSink contents, TreeLimits limits) {
        Map<String, String> linked = new HashMap<>(); // inode number to its first name
        for (Found file : files) {
            boolean shared = file.kind() != FileKind.DIRECTORY && file.number("nlink") > 1;
            String first = shared
                    ? linked.putIfAbsent(file.longNumber("dev") + " " + file.longNumber("ino"), file.name())
                    : null;
            try {
                if (first == null) {
                    tree.put(file.name(), node(file, contents, limits));
                } else {
                    tree.link(file.name(), first);
                }
            } catch (EOFException e) {
                throw new RootContentException(
                        "%s became shorter while it was read".formatted(file.path()),
                        "leave the directory alone meanwhile",
                        e);
            } catch (IOException e) {
                throw unreadable(file.path(), e);
            }
        }
    }

    private static FileNode node(Found file, ContentSink contents, TreeLimits limits) throws IOException {
        Instant modified = file.time("lastModifiedTime");
        Metadata metadata = new Metadata(
                file.number("mode") & Metadata.PERMISSIONS,
                file.number("uid"),
                file.number("gid"),
                modified.getEpochSecond(),
                modified.getNano(),
                Map.of());
        return switch (file.kind()) {
            case DIRECTORY -> FileNode.directory(metadata);
            case FILE -> FileNode.file(metadata, content(file, contents, limits));
            case SYMLINK -> FileNode.symlink(metadata, RawName.of(Files.readSymbolicLink(file.path())));
            case CHARACTER_DEVICE, BLOCK_DEVICE -> {
                long number = file.longNumber("rdev");
                yield FileNode.device(file.kind(), metadata, major(number), minor(number));
            }
            case FIFO, SOCKET -> FileNode.special(file.kind(), metadata);
        };
    }

    private static Content content(Found file, ContentSink contents, TreeLimits limits) throws IOException {
        long size = file.longNumber("size");
        limits.countBytes(file.name(), size);
        if (size == 0) return Content.EMPTY;
        try (InputStream in = Files.newInputStream(file.path(), LinkOption.NOFOLLOW_LINKS)) {
            return contents.store(in, size);
        }
    }

    /** gnu_dev_major of the C library's {@code <sys/sysmacros.h>}. */
    private static int major(long device) {
        return (int) ((device >>> 8) & 0xFFF | (device >>> 32) & 0xFFFFF000L);
    }

    /** gnu_dev_minor of the C library's {@code <sys/sysmacros.h>}. */
    private static int minor(long device) {
        return (int) (device & 0xFF | (device >>> 12) & 0xFFFFFF00L);
    }

    @Override
    public String toString() {
        return directory.toString();
    }
}
