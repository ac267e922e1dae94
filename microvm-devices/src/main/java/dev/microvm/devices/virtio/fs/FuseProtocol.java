package dev.microvm.devices.virtio.fs;

/**
 * Numbers of the FUSE protocol, version 7.31 and later: include/uapi/linux/fuse.h. Structures are
 * given by the offsets of their fields, arguments from the end of the header on.
 */
final class FuseProtocol {
    static final int MAJOR = 7;
    static final int MINOR = 31;

    // enum fuse_opcode
    static final int LOOKUP = 1;
    static final int FORGET = 2;
    static final int GETATTR = 3;
    static final int SETATTR = 4;
    static final int READLINK = 5;
    static final int SYMLINK = 6;
    static final int MKNOD = 8;
    static final int MKDIR = 9;
    static final int UNLINK = 10;
    static final int RMDIR = 11;
    static final int RENAME = 12;
    static final int LINK = 13;
    static final int OPEN = 14;
    static final int READ = 15;
    static final int WRITE = 16;
    static final int STATFS = 17;
    static final int RELEASE = 18;
    static final int FSYNC = 20;
    static final int INIT = 26;
    static final int OPENDIR = 27;
    static final int READDIR = 28;
    static final int RELEASEDIR = 29;
    static final int FSYNCDIR = 30;
    static final int CREATE = 35;
    static final int INTERRUPT = 36;
    static final int DESTROY = 38;
    static final int BATCH_FORGET = 42;
    static final int FALLOCATE = 43;
    static final int READDIRPLUS = 44;
    static final int RENAME2 = 45;
    static final int LSEEK = 46;
    static final int COPY_FILE_RANGE = 47;

    // struct fuse_in_header
    static final int IN_LENGTH = 0;
    static final int IN_OPCODE = 4;
    static final int IN_UNIQUE = 8;
    static final int IN_NODE = 16;
    static final int IN_UID = 24;
    static final int IN_GID = 28;
    static final int IN_HEADER = 40;

    // struct fuse_out_header
    static final int OUT_LENGTH = 0;
    static final int OUT_ERROR = 4;
    static final int OUT_UNIQUE = 8;
    static final int OUT_HEADER = 16;

    // struct fuse_init_in, fuse_init_out
    static final int INIT_MAJOR = 0;
    static final int INIT_MINOR = 4;
    static final int INIT_READAHEAD = 8;
    static final int INIT_FLAGS = 12;
    static final int INIT_IN = 16; // what was there before flags2
    static final int INIT_BACKGROUND = 16; // of the answer, as all below
    static final int INIT_CONGESTION = 18;
    static final int INIT_MAX_WRITE = 20;
    static final int INIT_TIME_GRANULARITY = 24;
    static final int INIT_MAX_PAGES = 28;
    static final int INIT_OUT = 64;

    // FUSE_INIT flags
    static final int ASYNC_READ = 1;
    static final int ATOMIC_O_TRUNC = 1 << 3;
    static final int BIG_WRITES = 1 << 5;
    static final int AUTO_INVAL_DATA = 1 << 12;
    static final int DO_READDIRPLUS = 1 << 13;
    static final int READDIRPLUS_AUTO = 1 << 14;
    static final int ASYNC_DIO = 1 << 15;
    static final int PARALLEL_DIROPS = 1 << 18;
    static final int MAX_PAGES = 1 << 22;

    // struct fuse_attr
    static final int ATTR_INODE = 0;
    static final int ATTR_SIZE = 8;
    static final int ATTR_BLOCKS = 16;
    static final int ATTR_ATIME = 24;
    static final int ATTR_MTIME = 32;
    static final int ATTR_CTIME = 40;
    static final int ATTR_ATIME_NANOS = 48;
    static final int ATTR_MTIME_NANOS = 52;
    static final int ATTR_CTIME_NANOS = 56;
    static final int ATTR_MODE = 60;
    static final int ATTR_LINKS = 64;
    static final int ATTR_UID = 68;
    static final int ATTR_GID = 72;
    static final int ATTR_RDEV = 76;
    static final int ATTR_BLOCK_SIZE = 80;
    static final int ATTR_FLAGS = 84;
    static final int ATTR_BYTES = 88;

    // struct fuse_entry_out
    static final int ENTRY_NODE = 0;
    static final int ENTRY_GENERATION = 8;
    static final int ENTRY_VALID = 16;
    static final int ENTRY_ATTR_VALID = 24;
    static final int ENTRY_VALID_NANOS = 32;
    static final int ENTRY_ATTR_VALID_NANOS = 36;
    static final int ENTRY_ATTR = 40;
    static final int ENTRY_OUT = ENTRY_ATTR + ATTR_BYTES;

    // struct fuse_getattr_in, fuse_attr_out
    static final int GETATTR_IN = 16;
    static final int ATTR_OUT_VALID = 0;
    static final int ATTR_OUT_VALID_NANOS = 8;
    static final int ATTR_OUT_DUMMY = 12;
    static final int ATTR_OUT_ATTR = 16;
    static final int ATTR_OUT = ATTR_OUT_ATTR + ATTR_BYTES;

    // struct fuse_setattr_in
    static final int SETATTR_VALID = 0;
    static final int SETATTR_HANDLE = 8;
    static final int SETATTR_SIZE = 16;
    static final int SETATTR_ATIME = 32;
    static final int SETATTR_MTIME = 40;
    static final int SETATTR_ATIME_NANOS = 56;
    static final int SETATTR_MTIME_NANOS = 60;
    static final int SETATTR_MODE = 68;
    static final int SETATTR_UID = 76;
    static final int SETATTR_GID = 80;
    static final int SETATTR_IN = 88;

    // bits of SETATTR_VALID
    static final int FATTR_MODE = 1;
    static final int FATTR_UID = 1 << 1;
    static final int FATTR_GID = 1 << 2;
    static final int FATTR_SIZE = 1 << 3;
    static final int FATTR_ATIME = 1 << 4;
    static final int FATTR_MTIME = 1 << 5;
    static final int FATTR_FH = 1 << 6;
    static final int FATTR_ATIME_NOW = 1 << 7;
    static final int FATTR_MTIME_NOW = 1 << 8;

    // struct fuse_mknod_in, fuse_mkdir_in, fuse_rename_in, fuse_rename2_in, fuse_link_in: names follow
    static final int MKNOD_MODE = 0;
    static final int MKNOD_IN = 16;
    static final int MKDIR_MODE = 0;
    static final int MKDIR_IN = 8;
    static final int RENAME_DIRECTORY = 0;
    static final int RENAME_IN = 8;
    static final int RENAME2_FLAGS = 8;
    static final int RENAME2_IN = 16;
    static final int LINK_NODE = 0;
    static final int LINK_IN = 8;

    // struct fuse_open_in, fuse_create_in, fuse_open_out
    static final int OPEN_FLAGS = 0;
    static final int OPEN_IN = 8;
    static final int CREATE_FLAGS = 0;
    static final int CREATE_MODE = 4;
    static final int CREATE_IN = 16;
    static final int OPEN_OUT_HANDLE = 0;
    static final int OPEN_OUT_FLAGS = 8;
    static final int OPEN_OUT_BACKING = 12;
    static final int OPEN_OUT = 16;

    // struct fuse_read_in, fuse_write_in, fuse_write_out; fuse_fsync_in, fuse_release_in begin alike
    static final int IO_HANDLE = 0;
    static final int IO_OFFSET = 8;
    static final int IO_SIZE = 16;
    static final int WRITE_FLAGS = 20;
    static final int IO_OPEN_FLAGS = 32;
    static final int IO_IN = 40;
    static final int WRITE_CACHE = 1; // FUSE_WRITE_CACHE: from the page cache, at this very offset
    static final int O_APPEND = 0x400; // of IO_OPEN_FLAGS: arch/x86 has the asm-generic value
    static final int WRITE_OUT_SIZE = 0;
    static final int WRITE_OUT_PADDING = 4;
    static final int WRITE_OUT = 8;
    static final int RELEASE_IN = 24;
    static final int FSYNC_FLAGS = 8;
    static final int FSYNC_DATA_ONLY = 1; // FUSE_FSYNC_FDATASYNC
    static final int FSYNC_IN = 16;

    // struct fuse_forget_in, fuse_batch_forget_in, fuse_forget_one
    static final int FORGET_LOOKUPS = 0;
    static final int FORGET_IN = 8;
    static final int BATCH_COUNT = 0;
    static final int BATCH_IN = 8;
    static final int ONE_NODE = 0;
    static final int ONE_LOOKUPS = 8;
    static final int FORGET_ONE = 16;

    // struct fuse_fallocate_in, fuse_lseek_in, fuse_lseek_out, fuse_copy_file_range_in
    static final int FALLOCATE_OFFSET = 8;
    static final int FALLOCATE_LENGTH = 16;
    static final int FALLOCATE_MODE = 24;
    static final int FALLOCATE_IN = 32;
    static final int LSEEK_OFFSET = 8;
    static final int LSEEK_WHENCE = 16;
    static final int LSEEK_IN = 24;
    static final int LSEEK_OUT = 8;
    static final int COPY_OFFSET = 8;
    static final int COPY_TO_HANDLE = 24;
    static final int COPY_TO_OFFSET = 32;
    static final int COPY_LENGTH = 40;
    static final int COPY_IN = 56;

    // struct fuse_kstatfs
    static final int STATFS_BLOCKS = 0;
    static final int STATFS_FREE = 8;
    static final int STATFS_AVAILABLE = 16;
    static final int STATFS_FILES = 24;
    static final int STATFS_FILES_FREE = 32;
    static final int STATFS_BLOCK_SIZE = 40;
    static final int STATFS_NAME_LENGTH = 44;
    static final int STATFS_FRAGMENT = 48;
    static final int STATFS_REST = 52; // seven 32-bit numbers
    static final int STATFS_OUT = 80;

    // struct fuse_dirent
    static final int DIRENT_INODE = 0;
    static final int DIRENT_OFFSET = 8;
    static final int DIRENT_NAME_LENGTH = 16;
    static final int DIRENT_TYPE = 20;
    static final int DIRENT_NAME = 24;
    static final int DIRENT_ALIGNMENT = 8;

    private FuseProtocol() {}
}
