package dev.microvm.sandbox.root.erofs;

import dev.microvm.sandbox.root.tree.FileNode;
import dev.microvm.sandbox.root.tree.Metadata;
import dev.microvm.sandbox.root.tree.RawName;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** A file's inode: its number, and where its content is. */
final class Inode {
    private final FileNode node;
    private final @Nullable DirectoryEntries entries; // of a directory
    private final byte[] attributes;
    private final long size; // i_size
    private final boolean inline; // whether the last part of the content follows the inode
    private long nid;
    private long firstBlock;

    /**
     * Plans the inode of {@code node}.
     *
     * @param parent of a directory; null for the root, which is its own
     */
    Inode(FileNode node, @Nullable Inode parent) {
        this.node = node;
        attributes = Attributes.encode(node.metadata().attributes());
        entries = node.isDirectory() ? new DirectoryEntries(node, this, parent == null ? this : parent) : null;
        size = entries != null ? entries.size() : contentSize(node);
        int tail = (int) (size & (ErofsFormat.BLOCK_SIZE - 1));
        inline = isBody() && tail > 0 && headSize() + tail <= ErofsFormat.BLOCK_SIZE;
        firstBlock = node.content().block();
    }

    private static long contentSize(FileNode node) {
        return switch (node.kind()) {
            case FILE -> node.content().size();
            case SYMLINK -> node.target().length();
            case DIRECTORY, CHARACTER_DEVICE, BLOCK_DEVICE, FIFO, SOCKET -> 0;
        };
    }

    FileNode node() {
        return node;
    }

    long nid() {
        return nid;
    }

    /** Tells to which inode an entry of this directory leads. */
    void lead(String name, Inode child) {
        if (entries != null) entries.lead(name, child);
    }

    /** Whether its content is written with the tree: entries of a directory, target of a link. */
    private boolean isBody() {
        return switch (node.kind()) {
            case DIRECTORY, SYMLINK -> true;
            case FILE, CHARACTER_DEVICE, BLOCK_DEVICE, FIFO, SOCKET -> false;
        };
    }

    /** Bytes of the inode and its attributes. */
    private int headSize() {
        return ErofsFormat.INODE_SIZE + attributes.length;
    }

    private int inlineSize() {
        return inline ? (int) (size & (ErofsFormat.BLOCK_SIZE - 1)) : 0;
    }

    /** Blocks of its content that are written with the tree, apart from the inode. */
    long bodyBlocks() {
        if (!isBody()) return 0;
        return inline ? size >>> ErofsFormat.BLOCK_BITS : ErofsFormat.blocks(size);
    }

    /** Sets where {@link #bodyBlocks} begin. */
    void placeBody(long block) {
        if (isBody()) firstBlock = block;
    }

    /**
     * Places the inode, at {@code offset} of the tree's metadata or the next place where it can be.
     * What follows it inline must be in one block.
     *
     * @return where the next one can be
     */
    long place(long offset) {
        long start = (offset + ErofsFormat.SLOT_SIZE - 1) & -ErofsFormat.SLOT_SIZE;
        int all = headSize() + inlineSize();
        int left = ErofsFormat.BLOCK_SIZE - (int) (start & (ErofsFormat.BLOCK_SIZE - 1));
        if (all > left && all <= ErofsFormat.BLOCK_SIZE) start += left;
        nid = start / ErofsFormat.SLOT_SIZE;
        return start + all;
    }

    /** Writes the blocks of its body, once all inodes are placed. */
    void writeBody(ImageOutput out) {
        long blocks = bodyBlocks();
        if (blocks == 0) return;
        if (entries == null) {
            out.put(RawName.bytes(node.target()));
            out.align();
            return;
        }
        for (int i = 0; i < blocks; i++) {
            entries.write(i, out.buffer(ErofsFormat.BLOCK_SIZE));
            out.align();
        }
    }

    /** Writes the inode, its attributes and what is inline, at its place. */
    void write(ImageOutput out, long metadataStart) {
        out.skipTo(metadataStart + nid * ErofsFormat.SLOT_SIZE);
        ByteBuffer to = out.buffer(ErofsFormat.INODE_SIZE);
        Metadata metadata = node.metadata();
        int layout = inline ? ErofsFormat.FLAT_INLINE : ErofsFormat.FLAT_PLAIN;
        to.putShort((short) (ErofsFormat.VERSION_EXTENDED | layout << ErofsFormat.DATALAYOUT_BIT)); // i_format
        to.putShort((short) Attributes.count(attributes.length)); // i_xattr_icount
        to.putShort((short) (node.kind().bits() | metadata.permissions())); // i_mode
        to.putShort((short) 0); // reserved
        to.putLong(size); // i_size
        to.putInt(place()); // i_u
        to.putInt((int) nid); // i_ino, for stat of 32-bit programs
        to.putInt(metadata.uid()); // i_uid
        to.putInt(metadata.gid()); // i_gid
        to.putLong(metadata.seconds()); // i_mtime
        to.putInt(metadata.nanos()); // i_mtime_nsec
        to.putInt(links()); // i_nlink
        to.putLong(0).putLong(0); // reserved
        out.put(attributes);
        if (!inline) return;
        if (entries == null) {
            out.put(RawName.bytes(node.target()));
        } else {
            entries.write((int) bodyBlocks(), out.buffer(inlineSize()));
        }
    }

    /** i_u: the first block, or the numbers of a device. */
    private int place() {
        return switch (node.kind()) {
            case CHARACTER_DEVICE, BLOCK_DEVICE -> ErofsFormat.encodeDevice(node.major(), node.minor());
            case DIRECTORY, FILE, SYMLINK, FIFO, SOCKET -> (int) firstBlock;
        };
    }

    private int links() {
        return entries == null ? node.names() : 2 + entries.directories();
    }
}
