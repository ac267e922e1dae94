package dev.microvm.sandbox.root.ext4;

import static dev.microvm.sandbox.root.ext4.Ext4Format.*;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.UUID;

/**
 * An empty file system of ext4 with a journal, written into a sparse file: a few blocks for each 128
 * MiB. Without checksums of its metadata, which the kernel does not need. For one use.
 */
public final class EmptyExt4 {
    private final int groups;
    private final int descriptorBlocks;
    private final String label;
    private final int now = (int) Instant.now().getEpochSecond();
    private final UUID uuid = UUID.randomUUID();

    /**
     * Describes one.
     *
     * @param bytes size at least, 1 byte to {@link Ext4Format#MAX_BYTES}; rounded up to 128 MiB
     * @param label 16 characters of ASCII at most
     */
    public EmptyExt4(long bytes, String label) {
        groups = (int) Math.ceilDiv(bytes, GROUP_BYTES);
        descriptorBlocks = Math.ceilDiv(groups * DESCRIPTOR_SIZE, BLOCK_SIZE);
        this.label = label;
    }

    /** Writes it into an empty file. */
    public void writeTo(FileChannel file) throws IOException {
        ByteBuffer last = block();
        write(file, (long) groups * BLOCKS_PER_GROUP - 1, last); // the file's size
        for (int group = 0; group < groups; group++) writeGroup(file, group);
        write(file, rootBlock(), rootDirectory());
        write(file, rootBlock() + 1, directory(LOST_FOUND_INODE, ROOT_INODE));
        write(file, journalBlock(), journal());
        write(file, tableBlock(0), inodes());
        file.force(/* metaData= */ true);
    }

    /** Returns the label of a file system of ext4, and the empty text if it is none. */
    public static String label(FileChannel file) throws IOException {
        ByteBuffer block = block();
        while (block.hasRemaining() && file.read(block, block.position()) > 0) {}
        if (block.hasRemaining() || block.getShort(SUPER_OFFSET + SB_MAGIC) != SUPER_MAGIC) return "";
        byte[] text = new byte[LABEL_SIZE];
        block.get(SUPER_OFFSET + SB_LABEL, text);
        return new String(text, StandardCharsets.US_ASCII).replace("\0", "");
    }

    // ---- where things are, in blocks

    /** Groups 0, 1 and the powers of 3, 5 and 7 have copies of the superblock: sparse_super. */
    private static boolean hasSuperblock(int group) {
        return group <= 1 || isPower(group, 3) || isPower(group, 5) || isPower(group, 7);
    }

    private static boolean isPower(int number, int base) {
        int power = base;
        while (power < number) power *= base;
        return power == number;
    }

    private long bitmapBlock(int group) {
        return (long) group * BLOCKS_PER_GROUP + (hasSuperblock(group) ? 1 + descriptorBlocks : 0);
    }

    private long tableBlock(int group) {
        return bitmapBlock(group) + 2;
    }

    private long rootBlock() {
        return tableBlock(0) + TABLE_BLOCKS;
    }

    private long journalBlock() {
        return rootBlock() + 2;
    }

    private int usedBlocks(int group) {
        long first = tableBlock(group) + TABLE_BLOCKS - (long) group * BLOCKS_PER_GROUP;
        return (int) first + (group == 0 ? 2 + JOURNAL_BLOCKS : 0);
    }

    private long freeBlocks() {
        long free = 0;
        for (int group = 0; group < groups; group++) free += BLOCKS_PER_GROUP - usedBlocks(group);
        return free;
    }

    // ---- what they have

    private void writeGroup(FileChannel file, int group) throws IOException {
        if (hasSuperblock(group)) {
            long first = (long) group * BLOCKS_PER_GROUP;
            write(file, first, superblock(group));
            write(file, first + 1, descriptors());
        }
        write(file, bitmapBlock(group), bitmap(usedBlocks(group), BLOCKS_PER_GROUP));
        write(file, bitmapBlock(group) + 1, bitmap(group == 0 ? USED_INODES : 0, INODES_PER_GROUP));
    }

    private ByteBuffer superblock(int group) {
        ByteBuffer block = block();
        ByteBuffer sb = group == 0 ? block.slice(SUPER_OFFSET, SUPER_SIZE) : block.slice(0, SUPER_SIZE);
        sb.order(ByteOrder.LITTLE_ENDIAN)
                .putInt(SB_INODES, groups * INODES_PER_GROUP)
                .putInt(SB_BLOCKS, groups * BLOCKS_PER_GROUP)
                .putInt(SB_FREE_BLOCKS, (int) freeBlocks())
                .putInt(SB_FREE_INODES, groups * INODES_PER_GROUP - USED_INODES)
                .putInt(SB_LOG_BLOCK_SIZE, BLOCK_BITS - 10)
                .putInt(SB_LOG_CLUSTER_SIZE, BLOCK_BITS - 10)
                .putInt(SB_BLOCKS_PER_GROUP, BLOCKS_PER_GROUP)
                .putInt(SB_CLUSTERS_PER_GROUP, BLOCKS_PER_GROUP)
                .putInt(SB_INODES_PER_GROUP, INODES_PER_GROUP)
                .putInt(SB_WRITTEN, now)
                .putShort(SB_MAX_MOUNTS, (short) -1)
                .putShort(SB_MAGIC, SUPER_MAGIC)
                .putShort(SB_STATE, STATE_CLEAN)
                .putShort(SB_ERRORS, ERRORS_READ_ONLY)
                .putInt(SB_CHECKED, now)
                .putInt(SB_REVISION, REVISION_DYNAMIC)
                .putInt(SB_FIRST_INODE, LOST_FOUND_INODE)
                .putShort(SB_INODE_SIZE, (short) INODE_SIZE)
                .putShort(SB_GROUP, (short) group)
                .putInt(SB_COMPATIBLE, COMPAT_HAS_JOURNAL | COMPAT_EXT_ATTR | COMPAT_DIR_INDEX)
                .putInt(SB_INCOMPATIBLE, INCOMPAT_FILETYPE | INCOMPAT_EXTENTS)
                .putInt(SB_RO_COMPATIBLE, RO_SPARSE_SUPER | RO_LARGE_FILE | RO_DIR_NLINK | RO_EXTRA_ISIZE)
                .putInt(SB_JOURNAL_INODE, JOURNAL_INODE)
                .put(SB_HASH_VERSION, HASH_HALF_MD4)
                .putInt(SB_MADE, now)
                .putShort(SB_MIN_EXTRA_ISIZE, (short) EXTRA_ISIZE)
                .putShort(SB_WANT_EXTRA_ISIZE, (short) EXTRA_ISIZE)
                .put(SB_LABEL, label.getBytes(StandardCharsets.US_ASCII))
                .put(SB_JOURNAL_BACKUP_TYPE, BACKUP_BLOCKS)
                .putInt(SB_JOURNAL_BACKUP + JOURNAL_BACKUP_SIZE, JOURNAL_BLOCKS * BLOCK_SIZE);
        uuid(sb, SB_UUID, uuid);
        uuid(sb, SB_HASH_SEED, UUID.randomUUID()); // an attacker in the guest cannot make names that collide
        extents(sb.slice(SB_JOURNAL_BACKUP, EXTENTS_SIZE), journalBlock(), JOURNAL_BLOCKS);
        return block;
    }

    private static void uuid(ByteBuffer to, int offset, UUID uuid) {
        to.putLong(offset, uuid.getMostSignificantBits()).putLong(offset + Long.BYTES, uuid.getLeastSignificantBits());
    }

    private ByteBuffer descriptors() {
        ByteBuffer to = blocks(descriptorBlocks);
        for (int group = 0; group < groups; group++) {
            to.slice(group * DESCRIPTOR_SIZE, DESCRIPTOR_SIZE)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt((int) bitmapBlock(group))
                    .putInt((int) bitmapBlock(group) + 1)
                    .putInt((int) tableBlock(group))
                    .putShort((short) (BLOCKS_PER_GROUP - usedBlocks(group)))
                    .putShort((short) (INODES_PER_GROUP - (group == 0 ? USED_INODES : 0)))
                    .putShort((short) (group == 0 ? 2 : 0)); // directories
        }
        return to;
    }

    /** A block of bits: the first are used, and so is what lies beyond the end. */
    private static ByteBuffer bitmap(int used, int size) {
        byte[] bits = new byte[BLOCK_SIZE];
        Arrays.fill(bits, 0, used / Byte.SIZE, (byte) -1);
        if (used % Byte.SIZE > 0) bits[used / Byte.SIZE] = (byte) ((1 << used % Byte.SIZE) - 1);
        Arrays.fill(bits, size / Byte.SIZE, BLOCK_SIZE, (byte) -1);
        return ByteBuffer.wrap(bits);
    }

    private ByteBuffer inodes() {
        ByteBuffer table = block();
        inode(table, ROOT_INODE, DIRECTORY | 0755, 3, rootBlock(), 1);
        inode(table, JOURNAL_INODE, REGULAR | 0600, 1, journalBlock(), JOURNAL_BLOCKS);
        inode(table, LOST_FOUND_INODE, DIRECTORY | 0700, 2, rootBlock() + 1, 1);
        return table;
    }

    private void inode(ByteBuffer table, int number, int mode, int links, long first, int blocks) {
        ByteBuffer inode = table.slice((number - 1) * INODE_SIZE, INODE_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        inode.putShort(I_MODE, (short) mode)
                .putInt(I_SIZE, blocks * BLOCK_SIZE)
                .putInt(I_ACCESSED, now)
                .putInt(I_CHANGED, now)
                .putInt(I_MODIFIED, now)
                .putShort(I_LINKS, (short) links)
                .putInt(I_SECTORS, blocks * (BLOCK_SIZE / SECTOR))
                .putInt(I_FLAGS, FLAG_EXTENTS)
                .putShort(I_EXTRA_ISIZE, (short) EXTRA_ISIZE);
        extents(inode.slice(I_BLOCKS, EXTENTS_SIZE), first, blocks);
    }

    /** A tree of extents with one extent. */
    private static void extents(ByteBuffer to, long first, int blocks) {
        to.order(ByteOrder.LITTLE_ENDIAN)
                .putShort(EXTENT_MAGIC)
                .putShort((short) 1)
                .putShort((short) EXTENTS_MAX)
                .putShort((short) 0) // depth
                .putInt(0) // generation
                .putInt(0) // first block of the file
                .putShort((short) blocks)
                .putShort((short) 0)
                .putInt((int) first);
    }

    private static ByteBuffer directory(int itself, int parent) {
        ByteBuffer to = block();
        entry(to, itself, ".", ENTRY_MIN);
        entry(to, parent, "..", BLOCK_SIZE - to.position());
        return to.clear();
    }

    private static ByteBuffer rootDirectory() {
        ByteBuffer to = block();
        entry(to, ROOT_INODE, ".", ENTRY_MIN);
        entry(to, ROOT_INODE, "..", ENTRY_MIN);
        entry(to, LOST_FOUND_INODE, "lost+found", BLOCK_SIZE - to.position());
        return to.clear();
    }

    private static void entry(ByteBuffer to, int inode, String name, int length) {
        int start = to.position();
        to.putInt(inode)
                .putShort((short) length)
                .put((byte) name.length())
                .put(TYPE_DIRECTORY)
                .put(name.getBytes(StandardCharsets.US_ASCII))
                .position(start + length);
    }

    /** The journal's superblock, in big-endian order: there is nothing to replay. */
    private ByteBuffer journal() {
        ByteBuffer block = block();
        block.slice()
                .order(ByteOrder.BIG_ENDIAN)
                .putInt(JOURNAL_MAGIC)
                .putInt(JOURNAL_SUPERBLOCK_V2)
                .putInt(0) // sequence of this block
                .putInt(BLOCK_SIZE)
                .putInt(JOURNAL_BLOCKS)
                .putInt(1) // first block of the log
                .putInt(1) // first sequence
                .putInt(0) // where it begins: it is empty
                .position(JOURNAL_USERS)
                .putInt(1);
        return block;
    }

    // ---- blocks

    private static ByteBuffer block() {
        return blocks(1);
    }

    private static ByteBuffer blocks(int count) {
        return ByteBuffer.allocate(count * BLOCK_SIZE).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static void write(FileChannel file, long block, ByteBuffer content) throws IOException {
        content.clear();
        while (content.hasRemaining()) file.write(content, block * BLOCK_SIZE + content.position());
    }
}
