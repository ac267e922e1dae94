package dev.microvm.sandbox.root.source;

import dev.microvm.linux.ErrnoException;
import dev.microvm.linux.ExtendedAttributes;
import dev.microvm.linux.LinuxHost;
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
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads files of the host into a tree, links and extended attributes included. For one use. */
final class DirectoryReader {
    /** Attributes that mean the same in a guest; labels of the host's security modules do not. */
    private static final Set<String> WANTED =
            Set.of("security.capability", "system.posix_acl_access", "system.posix_acl_default");

    private final FileTree tree;
    private final ContentSink contents;
    private final TreeLimits limits;
    private final Map<String, String> linked = new HashMap<>(); // file system and inode to the first name
    private @Nullable ExtendedAttributes attributes; // null if they cannot be read on this host

    DirectoryReader(FileTree tree, ContentSink contents, TreeLimits limits) {
        this.tree = tree;
        this.contents = contents;
        this.limits = limits;
    }

    /** Reads all files, parents first. */
    void read(List<HostFile> files) {
        try (ExtendedAttributes reader = LinuxHost.usable() ? new ExtendedAttributes() : null) {
            attributes = reader;
            for (HostFile file : files) read(file);
        }
    }

    private void read(HostFile file) {
        boolean shared = file.kind() != FileKind.DIRECTORY && file.number("nlink") > 1;
        String first =
                shared ? linked.putIfAbsent(file.longNumber("dev") + " " + file.longNumber("ino"), file.name()) : null;
        try {
            if (first == null) {
                tree.put(file.name(), node(file));
            } else {
                tree.link(file.name(), first);
            }
        } catch (EOFException e) {
            throw new RootContentException(
                    "%s became shorter while it was read".formatted(file.path()),
                    "leave the directory alone meanwhile",
                    e);
        } catch (IOException | ErrnoException e) {
            throw HostFile.unreadable(file.path(), e);
        }
    }

    private FileNode node(HostFile file) throws IOException {
        Metadata metadata = metadata(file);
        return switch (file.kind()) {
            case DIRECTORY -> FileNode.directory(metadata);
            case FILE -> FileNode.file(metadata, content(file));
            case SYMLINK -> FileNode.symlink(metadata, RawName.of(Files.readSymbolicLink(file.path())));
            case CHARACTER_DEVICE, BLOCK_DEVICE -> FileNode.device(file.kind(), metadata, file.major(), file.minor());
            case FIFO, SOCKET -> FileNode.special(file.kind(), metadata);
        };
    }

    private Metadata metadata(HostFile file) {
        Instant modified = file.time("lastModifiedTime");
        return new Metadata(
                file.number("mode") & Metadata.PERMISSIONS,
                file.number("uid"),
                file.number("gid"),
                modified.getEpochSecond(),
                modified.getNano(),
                attributes == null
                        ? Map.of()
                        : attributes.of(RawName.bytes(RawName.of(file.path())), DirectoryReader::isWanted));
    }

    private static boolean isWanted(String attribute) {
        return attribute.startsWith("user.") || WANTED.contains(attribute);
    }

    private Content content(HostFile file) throws IOException {
        long size = file.longNumber("size");
        limits.countBytes(file.name(), size);
        if (size == 0) return Content.EMPTY;
        try (InputStream in = Files.newInputStream(file.path(), LinkOption.NOFOLLOW_LINKS)) {
            return contents.store(in, size);
        }
    }
}
