package dev.microvm.boot.image;

import java.util.HexFormat;
import java.util.Optional;

/**
 * How a kernel or an initial file system is compressed, with the magic number by which it is known.
 *
 * <p>Source: Linux Documentation/arch/x86/boot.rst, "payload_offset", which lists the magic
 * numbers; lib/decompress.c.
 */
public enum Compression {
    /** RFC 1952. */
    GZIP("1f8b"),
    /** bzip2. */
    BZIP2("425a68"),
    /** The format of LZMA utils, before XZ. */
    LZMA("5d0000"),
    /** The .xz file format, with its filter for x86 code. */
    XZ("fd377a585a00"),
    /** The legacy frame of LZ4. */
    LZ4("02214c18"),
    /** RFC 8878. */
    ZSTD("28b52ffd");

    /** Number of bytes that {@link #of} looks at. */
    public static final int MAGIC_SIZE = 6;

    private final String magic;

    Compression(String magic) {
        this.magic = magic;
    }

    /** Returns the compression of data that begins so; empty if it has none, or an unknown one. */
    public static Optional<Compression> of(byte[] head) {
        String start = HexFormat.of().formatHex(head, 0, Math.min(head.length, MAGIC_SIZE));
        for (Compression compression : values()) {
            if (start.startsWith(compression.magic)) return Optional.of(compression);
        }
        return Optional.empty();
    }
}
