package dev.microvm.backend.disk;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The fields and flags of a qcow2 file. All numbers are big-endian.
 *
 * <p>Source: QEMU's {@code docs/interop/qcow2.txt}; limits are those of QEMU's {@code
 * block/qcow2.h}.
 */
final class Qcow2Format {
    static final ValueLayout.OfInt BE_INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    static final ValueLayout.OfLong BE_LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    static final ValueLayout.OfShort BE_SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    // Header: offsets
    static final int MAGIC = 0; // 4 bytes
    static final int VERSION = 4; // 4 bytes
    static final int BACKING_FILE_OFFSET = 8; // 8 bytes
    static final int BACKING_FILE_SIZE = 16; // 4 bytes
    static final int CLUSTER_BITS = 20; // 4 bytes
    static final int SIZE = 24; // 8 bytes
    static final int CRYPT_METHOD = 32; // 4 bytes
    static final int L1_SIZE = 36; // 4 bytes, in entries
    static final int L1_TABLE_OFFSET = 40; // 8 bytes
    static final int REFCOUNT_TABLE_OFFSET = 48; // 8 bytes
    static final int REFCOUNT_TABLE_CLUSTERS = 56; // 4 bytes
    static final int INCOMPATIBLE_FEATURES = 72; // 8 bytes, from version 3 on as all that follows
    static final int AUTOCLEAR_FEATURES = 88; // 8 bytes
    static final int REFCOUNT_ORDER = 96; // 4 bytes
    static final int HEADER_LENGTH = 100; // 4 bytes
    static final int COMPRESSION_TYPE = 104; // 1 byte

    static final int MAGIC_VALUE = 0x514649fb; // "QFI\xfb"
    static final int HEADER_SIZE_V2 = 72; // bytes
    static final int HEADER_SIZE_V3 = 104; // bytes, at least
    static final int REFCOUNT_ORDER_V2 = 4;

    // Incompatible features: bits
    static final int DIRTY = 0;
    static final int CORRUPT = 1;
    static final int EXTERNAL_DATA_FILE = 2;
    static final int COMPRESSION = 3;
    static final int EXTENDED_L2 = 4;

    // Autoclear features: bits
    static final int BITMAPS = 0;

    // Compression types
    static final int ZLIB = 0;
    static final int ZSTD = 1;

    // Header extensions
    static final int EXTENSION_END = 0;
    static final int EXTENSION_BACKING_FORMAT = 0xe2792aca;
    static final int EXTENSION_FEATURE_NAMES = 0x6803f857;
    static final int EXTENSION_HEADER_SIZE = 8; // bytes: type and length
    static final int FEATURE_NAME_SIZE = 48; // bytes: type, bit number, name

    // L1 table, L2 table
    static final int ENTRY_SIZE = 8; // bytes, also of the refcount table
    static final long COPIED = 1L << 63; // refcount is exactly one
    static final long COMPRESSED = 1L << 62; // L2 only
    static final long ZERO = 1; // L2 only, from version 3 on
    static final long OFFSET_MASK = 0x00ff_ffff_ffff_fe00L; // of both tables, but for compressed clusters

    /** Mask of the block offset in an entry of the refcount table. */
    static final long BLOCK_OFFSET_MASK = 0xffff_ffff_ffff_fe00L;

    /** Unit in bytes of the length of a compressed cluster. */
    static final int COMPRESSED_SECTOR = 512;

    // Limits
    static final int MIN_CLUSTER_BITS = 9;
    static final int MAX_CLUSTER_BITS = 21;
    static final int MAX_REFCOUNT_ORDER = 6;
    static final long MAX_L1_BYTES = 32 << 20;
    static final long MAX_REFCOUNT_TABLE_BYTES = 8 << 20;
    static final int MAX_BACKING_NAME = 1023; // bytes
    static final long MAX_FILE_SIZE = 1L << 56; // bytes: what an entry's offset can name

    private Qcow2Format() {}
}
