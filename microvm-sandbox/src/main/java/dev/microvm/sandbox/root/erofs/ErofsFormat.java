package dev.microvm.sandbox.root.erofs;

import dev.microvm.sandbox.root.tree.FileKind;

/**
 * What is where in an image. All numbers are little-endian; names are those of the kernel.
 *
 * <p>Source: Linux 6.1, fs/erofs/erofs_fs.h; https://erofs.docs.kernel.org, "Core on-disk format".
 */
final class ErofsFormat {
    static final int BLOCK_BITS = 12;
    static final int BLOCK_SIZE = 1 << BLOCK_BITS;

    // struct erofs_super_block, in block 0
    static final int SUPER_OFFSET = 1024;
    static final int SUPER_MAGIC = 0xE0F5E1E2;
    static final int SB_MAGIC = 0x00; // u32
    static final int SB_CHECKSUM = 0x04; // u32, CRC-32C from SUPER_OFFSET to the end of the block, this being 0
    static final int SB_FEATURE_COMPAT = 0x08; // u32
    static final int SB_BLKSZBITS = 0x0C; // u8
    static final int SB_ROOT_NID = 0x0E; // u16
    static final int SB_INOS = 0x10; // u64
    static final int SB_BLOCKS = 0x24; // u32
    static final int SB_META_BLKADDR = 0x28; // u32
    static final int FEATURE_COMPAT_SB_CHKSUM = 1 << 0;
    static final int FEATURE_COMPAT_MTIME = 1 << 1;

    // struct erofs_inode_extended, at meta_blkaddr * block size + nid * slot
    static final int SLOT_SIZE = 32;
    static final int INODE_SIZE = 64;
    static final int VERSION_EXTENDED = 1; // bit 0 of i_format
    static final int DATALAYOUT_BIT = 1; // shift in i_format
    static final int FLAT_PLAIN = 0;
    static final int FLAT_INLINE = 2; // the last part of the content follows the inode

    // struct erofs_xattr_ibody_header and struct erofs_xattr_entry, behind the inode
    static final int XATTR_HEADER_SIZE = 12;
    static final int XATTR_ENTRY_SIZE = 4; // u8 length of the name, u8 prefix, u16 size of the value
    static final int XATTR_ALIGNMENT = 4;

    // struct erofs_dirent: u64 nid, u16 nameoff, u8 file_type, u8 reserved
    static final int DIRENT_SIZE = 12;

    private ErofsFormat() {}

    /** EROFS_FT_*, the type in a directory entry. */
    static byte fileType(FileKind kind) {
        return switch (kind) {
            case FILE -> 1;
            case DIRECTORY -> 2;
            case CHARACTER_DEVICE -> 3;
            case BLOCK_DEVICE -> 4;
            case FIFO -> 5;
            case SOCKET -> 6;
            case SYMLINK -> 7;
        };
    }

    /** A device's numbers in i_u: new_encode_dev of Linux include/linux/kdev_t.h. */
    static int encodeDevice(int major, int minor) {
        return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12);
    }

    /** Blocks that {@code bytes} take. */
    static long blocks(long bytes) {
        return (bytes + BLOCK_SIZE - 1) >>> BLOCK_BITS;
    }
}
