package dev.microvm.boot.image;

import dev.microvm.compress.Bzip2InputStream;
import dev.microvm.compress.CompressionException;
import dev.microvm.compress.GzipInputStream;
import dev.microvm.compress.ZstdInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.tukaani.xz.BasicArrayCache;
import org.tukaani.xz.LZMAInputStream;
import org.tukaani.xz.MemoryLimitException;
import org.tukaani.xz.SingleXZInputStream;

/** Opens a decompressor for each {@link Compression}, with heap from the budget. */
final class Decompressors {
    /**
     * Maximum memory of LZMA and XZ, in KiB: the kernel's build uses dictionaries of 32 MiB, and of
     * 128 MiB since Linux 6.12 (scripts/xz_wrap.sh).
     */
    private static final int LZMA_LIMIT_KIB = 160 * 1024;

    private static final int LZMA_HEADERS_SIZE = 4096; // bytes that hold all headers before the dictionary's size
    private static final long GZIP_HEAP = 128 * 1024; // bytes of buffers and window

    private Decompressors() {}

    /**
     * Opens a reader.
     *
     * @param limit the most that will be read, in bytes
     */
    static ImageReader open(Compression compression, FileImage packed, long limit, Cancellation cancellation) {
        UnpackingHeap heap = new UnpackingHeap(compression.name(), cancellation);
        InputStream in = InputStream.nullInputStream();
        try {
            in = packed.stream();
            return new StreamImageReader(stream(compression, in, limit, heap, true), compression, heap);
        } catch (RuntimeException | Error | IOException e) {
            closeAll(heap, in);
            throw refused(compression, e);
        }
    }

    /** Unpacks the first {@code max} bytes, or all if there are fewer. */
    static byte[] head(Compression compression, FileImage packed, int max) {
        try (UnpackingHeap heap = new UnpackingHeap(compression.name(), Cancellation.NEVER);
                InputStream in = stream(compression, packed.stream(), max, heap, true)) {
            return UnpackedBytes.read(in, max, heap);
        } catch (CompressionException | IOException e) {
            throw refused(compression, e);
        }
    }

    /**
     * Opens a stream of the unpacked bytes.
     *
     * @param in supports {@link InputStream#mark}; nothing behind the compressed data is read
     * @param whole whether to read a whole gzip file, not only its first member
     */
    static InputStream stream(Compression compression, InputStream in, long limit, UnpackingHeap heap, boolean whole)
            throws IOException {
        return switch (compression) {
            case GZIP -> {
                heap.accept(GZIP_HEAP);
                yield new GzipInputStream(in, whole);
            }
            case BZIP2 -> new Bzip2InputStream(in, heap);
            case LZMA -> lzma(in, heap, LZMAInputStream::new);
            case XZ -> lzma(in, heap, Decompressors::xz);
            case LZ4 -> new Lz4LegacyStream(in, limit, heap);
            case ZSTD -> new ZstdInputStream(in, limit, heap);
        };
    }

    /** Opens a decompressor that refuses to use more memory than so many KiB. */
    private interface LzmaOpener {
        InputStream open(InputStream in, int limitKib) throws IOException;
    }

    /**
     * Opens with as much memory as the first block needs. What that is the decompressor says itself
     * if it may use nothing.
     */
    private static InputStream lzma(InputStream in, UnpackingHeap heap, LzmaOpener opener) throws IOException {
        in.mark(LZMA_HEADERS_SIZE);
        int neededKib = 0;
        try {
            opener.open(in, 0).read();
        } catch (MemoryLimitException e) {
            neededKib = e.getMemoryNeeded();
        }
        if (neededKib > LZMA_LIMIT_KIB) {
            throw new IOException("it needs %d KiB of memory, above %d".formatted(neededKib, LZMA_LIMIT_KIB));
        }
        heap.accept(neededKib * 1024L);
        in.reset();
        return opener.open(in, neededKib);
    }

    /** The cache keeps a dictionary from one block to the next: a file may have many empty blocks. */
    private static InputStream xz(InputStream in, int limitKib) throws IOException {
        return new SingleXZInputStream(in, limitKib, /* verifyCheck= */ true, new BasicArrayCache());
    }

    private static void closeAll(UnpackingHeap heap, InputStream in) {
        try (heap;
                in) {
            assert true;
        } catch (IOException e) {
            assert true; // nothing was written
        }
    }

    /** Returns the exception for data that cannot be unpacked; throws any other again. */
    static InvalidImageException refused(Compression compression, Throwable cause) {
        return switch (cause) {
            case CompressionException e -> InvalidImageException.of(e);
            case IOException e ->
                new InvalidImageException(
                        "an intact %s payload".formatted(compression),
                        "data that cannot be unpacked: " + e.getMessage(),
                        e);
            case RuntimeException e -> throw e;
            default -> throw (Error) cause;
        };
    }
}
