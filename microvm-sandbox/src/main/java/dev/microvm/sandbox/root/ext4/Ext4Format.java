package dev.microvm.sandbox.root.ext4;

/** Numbers of ext4: Linux fs/ext4/ext4.h, ext4_extents.h, and include/linux/jbd2.h for the journal. */
final class Ext4Format {
    static final int BLOCK_BITS = 12;
    static final int BLOCK_SIZE = 1 << BLOCK_BITS;
    static final int SECTOR = 512;
    static final int BLOCKS_PER_GROUP = BLOCK_SIZE * Byte.SIZE;
    static final long GROUP_BYTES = (long) BLOCKS_PER_GROUP * BLOCK_SIZE; // 128 MiB
    /** Without 64-bit block numbers: 16 TiB less a group. */
    static final long MAX_BYTES = (1L << 44) - GROUP_BYTES;

    static final int INODES_PER_GROUP = 8192; // one for each 16 KiB
    static final int INODE_SIZE = 256;
    static final int TABLE_BLOCKS = INODES_PER_GROUP * INODE_SIZE / BLOCK_SIZE;
    static final int JOURNAL_BLOCKS = 4096; // 16 MiB
    static final int DESCRIPTOR_SIZE = 32; // struct ext4_group_desc without 64-bit numbers

    // Inodes
    static final int ROOT_INODE = 2;
    static final int JOURNAL_INODE = 8;
    static final int LOST_FOUND_INODE = 11; // the first that is not reserved
    static final int USED_INODES = LOST_FOUND_INODE;

    // struct ext4_super_block
    static final int SUPER_OFFSET = 1024; // in block 0; its copies begin their blocks
    static final int SUPER_SIZE = 1024;
    static final int SB_INODES = 0x00;
    static final int SB_BLOCKS = 0x04;
    static final int SB_FREE_BLOCKS = 0x0C;
    static final int SB_FREE_INODES = 0x10;
    static final int SB_LOG_BLOCK_SIZE = 0x18; // of 1024 bytes
    static final int SB_LOG_CLUSTER_SIZE = 0x1C;
    static final int SB_BLOCKS_PER_GROUP = 0x20;
    static final int SB_CLUSTERS_PER_GROUP = 0x24;
    static final int SB_INODES_PER_GROUP = 0x28;
    static final int SB_WRITTEN = 0x30;
    static final int SB_MAX_MOUNTS = 0x36; // u16; -1: no check is due
    static final int SB_MAGIC = 0x38; // u16
    static final int SB_STATE = 0x3A; // u16
    static final int SB_ERRORS = 0x3C; // u16
    static final int SB_CHECKED = 0x40;
    static final int SB_REVISION = 0x4C;
    static final int SB_FIRST_INODE = 0x54;
    static final int SB_INODE_SIZE = 0x58; // u16
    static final int SB_GROUP = 0x5A; // u16: of this copy
    static final int SB_COMPATIBLE = 0x5C;
    static final int SB_INCOMPATIBLE = 0x60;
    static final int SB_RO_COMPATIBLE = 0x64;
    static final int SB_UUID = 0x68;
    static final int SB_LABEL = 0x78;
    static final int LABEL_SIZE = 16;
    static final int SB_JOURNAL_INODE = 0xE0;
    static final int SB_HASH_SEED = 0xEC;
    static final int SB_HASH_VERSION = 0xFC; // u8
    static final int SB_JOURNAL_BACKUP_TYPE = 0xFD; // u8
    static final int SB_MADE = 0x108;
    static final int SB_JOURNAL_BACKUP = 0x10C; // i_block of the journal, then the high and the low half of its size
    static final int JOURNAL_BACKUP_SIZE = 16 * Integer.BYTES; // offset of the low half there
    static final int SB_MIN_EXTRA_ISIZE = 0x15C; // u16
    static final int SB_WANT_EXTRA_ISIZE = 0x15E; // u16

    static final short SUPER_MAGIC = (short) 0xEF53;
    static final short STATE_CLEAN = 1;
    static final short ERRORS_READ_ONLY = 2;
    static final int REVISION_DYNAMIC = 1;
    static final byte HASH_HALF_MD4 = 1;
    static final byte BACKUP_BLOCKS = 1; // EXT3_JNL_BACKUP_BLOCKS of e2fsprogs
    static final int COMPAT_HAS_JOURNAL = 0x4;
    static final int COMPAT_EXT_ATTR = 0x8;
    static final int COMPAT_DIR_INDEX = 0x20;
    static final int INCOMPAT_FILETYPE = 0x2;
    static final int INCOMPAT_EXTENTS = 0x40;
    static final int RO_SPARSE_SUPER = 0x1;
    static final int RO_LARGE_FILE = 0x2;
    static final int RO_DIR_NLINK = 0x20;
    static final int RO_EXTRA_ISIZE = 0x40;

    // struct ext4_inode
    static final int I_MODE = 0x00; // u16
    static final int I_SIZE = 0x04;
    static final int I_ACCESSED = 0x08;
    static final int I_CHANGED = 0x0C;
    static final int I_MODIFIED = 0x10;
    static final int I_LINKS = 0x1A; // u16
    static final int I_SECTORS = 0x1C;
    static final int I_FLAGS = 0x20;
    static final int I_BLOCKS = 0x28;
    static final int I_EXTRA_ISIZE = 0x80; // u16
    static final int EXTRA_ISIZE = 32; // bytes beyond the first 128 that have fields
    static final int FLAG_EXTENTS = 0x80000;
    static final int DIRECTORY = 0040000;
    static final int REGULAR = 0100000;

    // struct ext4_extent_header, and struct ext4_extent behind it
    static final int EXTENTS_SIZE = 60; // i_block
    static final short EXTENT_MAGIC = (short) 0xF30A;
    static final int EXTENTS_MAX = 4;

    // struct ext4_dir_entry_2
    static final int ENTRY_MIN = 12;
    static final byte TYPE_DIRECTORY = 2;

    // journal_superblock_t
    static final int JOURNAL_MAGIC = 0xC03B3998;
    static final int JOURNAL_SUPERBLOCK_V2 = 4;
    static final int JOURNAL_USERS = 0x40;

    private Ext4Format() {}
}
