package dev.microvm.sandbox.root.source;

import dev.microvm.compress.CompressionException;
import dev.microvm.sandbox.root.tree.ContentSink;
import dev.microvm.sandbox.root.tree.FileKind;
import dev.microvm.sandbox.root.tree.FileNode;
import dev.microvm.sandbox.root.tree.FileTree;
import dev.microvm.sandbox.root.tree.TreeLimits;
import dev.microvm.sandbox.tar.TarEntry;
import dev.microvm.sandbox.tar.TarHeader;
import dev.microvm.sandbox.tar.TarReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import org.tukaani.xz.XZIOException;

/** Reads a tar archive into a tree: a whole root, or a layer of an image on what was there before. */
public final class ArchiveSource {
    /** OCI image specification, layer.md, "Whiteouts". */
    private static final String WHITEOUT = ".wh.";

    private static final String OPAQUE = ".wh..wh..opq";
    /** Other names that begin so are notes of AUFS, which nobody else reads. */
    private static final String AUFS_NOTE = ".wh..wh.";

    private final FileTree tree;
    private final ContentSink contents;
    private final TreeLimits limits;

    /** Makes a reader that puts files into {@code tree} and their bytes into {@code contents}. */
    public ArchiveSource(FileTree tree, ContentSink contents, TreeLimits limits) {
        this.tree = tree;
        this.contents = contents;
        this.limits = limits;
    }

    /**
     * Reads an archive that is a whole root.
     *
     * @param packed the archive, compressed or not
     * @throws IOException if {@code packed} cannot be read
     */
    public void readRoot(InputStream packed) throws IOException {
        read(packed, /* layer= */ false);
    }

    /**
     * Reads an archive that is a layer: names that begin with {@code .wh.} remove files.
     *
     * @throws IOException if {@code packed} cannot be read
     */
    public void readLayer(InputStream packed) throws IOException {
        tree.beginLayer();
        read(packed, /* layer= */ true);
    }

    private void read(InputStream packed, boolean layer) throws IOException {
        try (InputStream in = Unpacked.stream(packed)) {
            TarReader tar = new TarReader(in);
            for (TarEntry entry = tar.next(); entry != null; entry = tar.next()) {
                if (!layer || !whiteout(entry.name())) put(entry, tar);
            }
        } catch (EOFException e) {
            throw TarHeader.broken("it is cut short");
        } catch (CompressionException | XZIOException e) {
            throw TarHeader.broken(String.valueOf(e.getMessage()));
        }
    }

    private boolean whiteout(String path) {
        int slash = path.lastIndexOf('/');
        String folder = path.substring(0, slash + 1);
        String name = path.substring(slash + 1);
        if (!name.startsWith(WHITEOUT)) return false;
        if (name.equals(OPAQUE)) {
            tree.makeOpaque(folder);
        } else if (!name.startsWith(AUFS_NOTE)) {
            tree.whiteOut(folder + name.substring(WHITEOUT.length()));
        }
        return true;
    }

    private void put(TarEntry entry, TarReader tar) throws IOException {
        String path = entry.name();
        switch (entry.type()) {
            case TarEntry.HARD_LINK -> tree.link(path, entry.linkName());
            case TarEntry.SYMLINK -> tree.put(path, FileNode.symlink(entry.metadata(), target(entry)));
            case TarEntry.CHARACTER_DEVICE -> tree.put(path, device(FileKind.CHARACTER_DEVICE, entry));
            case TarEntry.BLOCK_DEVICE -> tree.put(path, device(FileKind.BLOCK_DEVICE, entry));
            case TarEntry.DIRECTORY -> tree.put(path, FileNode.directory(entry.metadata()));
            case TarEntry.FIFO -> tree.put(path, FileNode.special(FileKind.FIFO, entry.metadata()));
            default -> {
                limits.countBytes(path, entry.size());
                tree.put(path, FileNode.file(entry.metadata(), contents.store(tar.content(), entry.size())));
            }
        }
    }

    private static String target(TarEntry entry) {
        String target = entry.linkName();
        if (target.isEmpty() || target.length() > TreeLimits.PATH_LENGTH || target.indexOf('\0') >= 0) {
            throw TarHeader.broken("a symbolic link has a target of %d bytes".formatted(target.length()));
        }
        return target;
    }

    private static FileNode device(FileKind kind, TarEntry entry) {
        return FileNode.device(kind, entry.metadata(), entry.major(), entry.minor());
    }
}
