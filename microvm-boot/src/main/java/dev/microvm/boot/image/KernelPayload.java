package dev.microvm.boot.image;

import dev.microvm.compress.Bzip2InputStream;
import dev.microvm.compress.CompressionException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.HexFormat;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import org.tukaani.xz.LZMAInputStream;
import org.tukaani.xz.SingleXZInputStream;

/**
 * The compressed kernel inside a bzImage. Any thread may use it.
 *
 * <p>Source: Linux Documentation/arch/x86/boot.rst, "payload_offset", which lists the magic
 * numbers; lib/decompress.c. Data after the compressed payload is ignored, such as the unpacked
 * size in 4 bytes, which the kernel's build appends.
 */
public final class KernelPayload {
    /**
     * Maximum memory of a decompressor, in KiB: the kernel's build uses dictionaries of 32 MiB, and
     * of 128 MiB since Linux 6.12 (scripts/xz_wrap.sh).
     */
    private static final int MEMORY_LIMIT_KIB = 160 * 1024;

    private static final int INPUT_BUFFER_SIZE = 64 * 1024; // bytes

    /** The compression of a payload, with its magic number. */
    public enum Compression {
        /** Uncompressed: the ELF file itself. */
        NONE("7f454c46"),
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

        private final String magic;

        Compression(String magic) {
            this.magic = magic;
        }
    }

    private static final int MAX_MAGIC_SIZE = 6; // bytes

    private final Compression compression;
    private final byte[] image;
    private final int start;
    private final int end;

    private KernelPayload(Compression compression, byte[] image, int start, int end) {
        this.compression = compression;
        this.image = image;
        this.start = start;
        this.end = end;
    }

    /**
     * Finds the payload of {@code image}, a whole bzImage file that begins with {@code header}.
     *
     * @return the payload; empty if its format is not supported, such as LZO
     */
    public static Optional<KernelPayload> find(SetupHeader header, byte[] image) {
        int start = (int) (header.kernelOffset() + header.payloadOffset()); // within the array: see SetupHeader.check
        int end = (int) (start + header.payloadLength());
        String magic = HexFormat.of().formatHex(image, start, Math.min(end, start + MAX_MAGIC_SIZE));
        for (Compression compression : Compression.values()) {
            if (magic.startsWith(compression.magic)) {
                return Optional.of(new KernelPayload(compression, image, start, end));
            }
        }
        return Optional.empty();
    }

    /** Returns how it is compressed. */
    public Compression compression() {
        return compression;
    }

    /**
     * Starts unpacking.
     *
     * @param limit maximum number of bytes to read
     * @throws InvalidImageException if the payload is corrupt; the reader may also throw it later
     */
    public ImageReader open(long limit) {
        try {
            return switch (compression) {
                case NONE -> stream(compressed());
                case GZIP -> stream(new GZIPInputStream(compressed(), INPUT_BUFFER_SIZE));
                case LZMA -> stream(new LZMAInputStream(compressed(), MEMORY_LIMIT_KIB));
                case XZ -> stream(new SingleXZInputStream(compressed(), MEMORY_LIMIT_KIB));
                case LZ4 -> new Lz4LegacyReader(image, start, end, limit);
                case BZIP2 -> stream(new Bzip2InputStream(image, start, end));
                case ZSTD -> new ZstdReader(image, start, end, limit);
            };
        } catch (CompressionException e) {
            throw InvalidImageException.of(e);
        } catch (IOException e) {
            throw new InvalidImageException(
                    "an intact %s payload".formatted(compression),
                    "data that cannot be unpacked: " + e.getMessage(),
                    e);
        }
    }

    private ImageReader stream(InputStream in) {
        return new StreamImageReader(in, compression.name());
    }

    private InputStream compressed() {
        return new ByteArrayInputStream(image, start, end - start);
    }
}
