package dev.microvm.boot;

/** Where the compressed kernel inside a bzImage is unpacked; it has no meaning for an ELF file. */
public enum Unpacking {
    /** {@link #HOST} where we know the compression, else {@link #GUEST}. */
    AUTO,

    /**
     * Here, before the guest starts, which saves it the time: gzip, bzip2, LZMA, XZ, LZ4, zstd or not compressed at
     * all.
     */
    HOST,

    /** By the guest: the bzImage is entered at its own 64-bit entry point. */
    GUEST
}
