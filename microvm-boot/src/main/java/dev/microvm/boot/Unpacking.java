package dev.microvm.boot;

/** Says who unpacks the compressed kernel inside a bzImage; ignored for other files. */
public enum Unpacking {
    /** {@link #HOST} if the compression is supported, otherwise {@link #GUEST}. */
    AUTO,

    /**
     * The host, before the guest starts, which is faster: gzip, bzip2, LZMA, XZ, LZ4, zstd or
     * uncompressed.
     */
    HOST,

    /** The guest: the bzImage is entered at its 64-bit entry point. */
    GUEST
}
