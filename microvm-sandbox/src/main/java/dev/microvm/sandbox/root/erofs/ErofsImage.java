package dev.microvm.sandbox.root.erofs;

import dev.microvm.sandbox.root.tree.Content;
import dev.microvm.sandbox.root.tree.ContentSink;
import dev.microvm.sandbox.root.tree.FileNode;
import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Writes an image of EROFS in one pass: the content of each file as it comes, behind it the tree,
 * and at the end the superblock. For one thread.
 *
 * <pre>
 * block 0      superblock
 * block 1 ...  content of files, each from a block of its own
 * then         directories and links that do not fit behind their inodes
 * then         inodes, the root's first, with attributes, small directories and links behind them
 * </pre>
 *
 * <p>Nothing is compressed, so the guest reads files straight from the host's page cache.
 */
public final class ErofsImage implements ContentSink {
    private static final long MAX_BLOCKS = 0xFFFF_FFFFL; // block numbers have 32 bits
    private static final long ROOT_OFFSET = ErofsFormat.SLOT_SIZE; // in the metadata: inode number 0 means none

    private final ImageOutput out;
    private final FreeBlocks free = new FreeBlocks();

    /** Begins an image in an empty file, which stays open. */
    public ErofsImage(FileChannel file) {
        out = new ImageOutput(file);
        out.skipTo(ErofsFormat.BLOCK_SIZE); // the superblock's
    }

    @Override
    public Content store(InputStream in, long size) throws IOException {
        if (size == 0) return Content.EMPTY;
        long gap = free.take(ErofsFormat.blocks(size));
        if (gap == FreeBlocks.NONE) return append(in, size);
        long end = out.position();
        out.seek(gap << ErofsFormat.BLOCK_BITS);
        Content content = append(in, size);
        out.seek(end);
        return content;
    }

    @Override
    public void release(Content content) {
        free.add(content.block(), ErofsFormat.blocks(content.size()));
    }

    private Content append(InputStream in, long size) throws IOException {
        long block = out.position() >>> ErofsFormat.BLOCK_BITS;
        requireFits(block + ErofsFormat.blocks(size));
        out.copy(in, size);
        out.align();
        return new Content(block, size);
    }

    private static void requireFits(long blocks) {
        if (blocks > MAX_BLOCKS) {
            throw new RootContentException("the files have more than 16 TiB", "use a disk image: Root.disk");
        }
    }

    /** Writes the tree whose content was stored, and the superblock. The image is complete then. */
    public void finish(FileNode root) {
        List<Inode> inodes = inodes(root);
        long bodyStart = out.position() >>> ErofsFormat.BLOCK_BITS;
        long bodyBlocks = 0;
        long metadataSize = ROOT_OFFSET;
        for (Inode inode : inodes) {
            inode.placeBody(bodyStart + bodyBlocks);
            bodyBlocks += inode.bodyBlocks();
            metadataSize = inode.place(metadataSize);
        }
        long metadataStart = bodyStart + bodyBlocks;
        requireFits(metadataStart + ErofsFormat.blocks(metadataSize));

        inodes.forEach(inode -> inode.writeBody(out));
        inodes.forEach(inode -> inode.write(out, metadataStart << ErofsFormat.BLOCK_BITS));
        out.align();
        long blocks = out.position() >>> ErofsFormat.BLOCK_BITS;
        out.seek(0);
        writeSuperblock(inodes.getFirst().nid(), inodes.size(), blocks, metadataStart);
        out.flush();
    }

    /** Returns an inode for each file, level by level, the root first. */
    private static List<Inode> inodes(FileNode root) {
        List<Inode> inodes = new ArrayList<>(List.of(new Inode(root, null)));
        IdentityHashMap<FileNode, Inode> linked = new IdentityHashMap<>(); // those with several names
        for (int i = 0; i < inodes.size(); i++) {
            Inode directory = inodes.get(i);
            directory.node().children().forEach((name, child) -> {
                Inode inode = linked.get(child);
                if (inode == null) {
                    inode = new Inode(child, directory);
                    inodes.add(inode);
                    if (!child.isDirectory() && child.names() > 1) linked.put(child, inode);
                }
                directory.lead(name, inode);
            });
        }
        return inodes;
    }

    private void writeSuperblock(long rootNid, long inodes, long blocks, long metadataStart) {
        ByteBuffer block = out.buffer(ErofsFormat.BLOCK_SIZE);
        ByteBuffer to = block.slice(ErofsFormat.SUPER_OFFSET, ErofsFormat.BLOCK_SIZE - ErofsFormat.SUPER_OFFSET)
                .order(block.order());
        to.putInt(ErofsFormat.SB_MAGIC, ErofsFormat.SUPER_MAGIC);
        to.putInt(
                ErofsFormat.SB_FEATURE_COMPAT, ErofsFormat.FEATURE_COMPAT_SB_CHKSUM | ErofsFormat.FEATURE_COMPAT_MTIME);
        to.put(ErofsFormat.SB_BLKSZBITS, (byte) ErofsFormat.BLOCK_BITS);
        to.putShort(ErofsFormat.SB_ROOT_NID, (short) rootNid);
        to.putLong(ErofsFormat.SB_INOS, inodes);
        to.putInt(ErofsFormat.SB_BLOCKS, (int) blocks);
        to.putInt(ErofsFormat.SB_META_BLKADDR, (int) metadataStart);
        CRC32C crc = new CRC32C();
        crc.update(to.duplicate());
        to.putInt(ErofsFormat.SB_CHECKSUM, ~(int) crc.getValue()); // the kernel's crc32c() does not invert at the end
    }
}
