package dev.microvm.boot;

import dev.microvm.boot.image.Compression;
import dev.microvm.boot.image.Hex;
import dev.microvm.boot.image.InvalidImageException;
import dev.microvm.boot.image.UnpackedStream;
import dev.microvm.limits.Budget;
import dev.microvm.limits.JvmBudgets;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Reads which paths are in an initial file system: cpio archives one behind the other, such as
 * early microcode and the rest, each compressed or not, with zeros between them. Contents are
 * skipped. For one thread.
 *
 * <p>Source: Linux init/initramfs.c; Documentation/driver-api/early-userspace/buffer-format.rst.
 */
final class InitialFilesReader implements AutoCloseable {
    /** Maximum unpacked size of an image, in bytes: a guest has it in memory. */
    private static final long MAX_SIZE = 1L << 30;

    private static final int MAX_PATH = 4096; // bytes: Linux uapi/linux/limits.h, PATH_MAX
    private static final int HEADER_SIZE = 110; // a magic number of 6 characters, and 13 numbers of 8
    private static final int MAGIC_SIZE = 6;
    private static final int DIGITS = 8;
    private static final int ALIGNMENT = 4;
    private static final String TRAILER = "TRAILER!!!";
    private static final long ENTRY_HEAP = 200; // bytes of a node and its place in a map, without its names

    // Which of the numbers
    private static final int MODE = 1;
    private static final int FILE_SIZE = 6;
    private static final int NAME_SIZE = 11;

    private final ArchiveTree tree = new ArchiveTree();
    private final Budget.Share heap = JvmBudgets.unpacking().open("initial file system", () -> {});
    private long unpacked; // bytes that were read of all archives

    /**
     * Reads all of {@code in}, which supports {@link InputStream#mark}.
     *
     * @throws IOException if it cannot be read
     * @throws InvalidImageException if it is not an initial file system, or a broken or huge one
     * @throws dev.microvm.compress.CompressionException if it cannot be unpacked
     */
    ArchiveTree read(InputStream in) throws IOException {
        while (skipZeros(in)) {
            byte[] magic = peek(in);
            Optional<Compression> compression = Compression.of(magic);
            if (isArchive(magic)) {
                readArchive(in);
            } else if (compression.isPresent()) {
                try (InputStream part = buffered(UnpackedStream.of(compression.get(), in, MAX_SIZE))) {
                    readArchives(part);
                }
            } else {
                throw new InvalidImageException(
                        "cpio archives, uncompressed or compressed by gzip, bzip2, LZMA, XZ, LZ4 or zstd",
                        "something that begins with " + Hex.start(magic));
            }
        }
        return tree;
    }

    @Override
    public void close() {
        heap.close();
    }

    private static InputStream buffered(InputStream in) {
        return new BufferedInputStream(in);
    }

    /** Reads what one compressed part unpacks to. */
    private void readArchives(InputStream in) throws IOException {
        while (skipZeros(in)) {
            byte[] magic = peek(in);
            if (!isArchive(magic)) {
                throw new InvalidImageException(
                        "a cpio archive (070701) in compressed data", "something that begins with " + Hex.start(magic));
            }
            readArchive(in);
        }
    }

    private void readArchive(InputStream in) throws IOException {
        while (true) {
            String header = new String(readFully(in, HEADER_SIZE), StandardCharsets.ISO_8859_1);
            if (!header.startsWith("07070")) {
                throw new InvalidImageException(
                        "a header of a cpio archive", "one that begins with " + header.substring(0, MAGIC_SIZE));
            }
            long nameSize = number(header, NAME_SIZE);
            if (nameSize < 1 || nameSize > MAX_PATH) {
                throw new InvalidImageException(
                        "a name of 1 to %d bytes in a cpio archive".formatted(MAX_PATH), nameSize + " bytes");
            }
            byte[] name = readFully(in, (int) nameSize);
            String path = new String(name, 0, name.length - 1, StandardCharsets.UTF_8);
            if (path.equals(TRAILER)) return; // the zeros behind it may be missing
            skip(in, padding(HEADER_SIZE + nameSize));
            long size = number(header, FILE_SIZE);
            readEntry(in, path, (int) number(header, MODE) & CpioWriter.S_IFMT, size);
        }
    }

    private void readEntry(InputStream in, String path, int type, long size) throws IOException {
        String target = "";
        if (type == CpioWriter.S_IFLNK && size <= MAX_PATH) {
            target = new String(readFully(in, (int) size), StandardCharsets.UTF_8);
        } else {
            skip(in, size);
        }
        skip(in, padding(size));
        String normal = ArchiveTree.normalize(path);
        if (normal == null) return;
        long needed = ENTRY_HEAP + 2L * (normal.length() + target.length());
        if (!heap.tryTake(needed)) {
            throw new InvalidImageException(
                    "an initial file system whose paths the budget for unpacking allows (a quarter of the heap, or -D%s)"
                            .formatted(JvmBudgets.UNPACKING_PROPERTY),
                    "paths that need more than %d bytes of heap".formatted(heap.used()));
        }
        tree.add(normal, type, target);
    }

    private static long number(String header, int index) {
        int at = MAGIC_SIZE + index * DIGITS;
        try {
            return Long.parseLong(header, at, at + DIGITS, 16);
        } catch (NumberFormatException e) {
            throw new InvalidImageException(
                    "hexadecimal digits in a header of a cpio archive", header.substring(at, at + DIGITS), e);
        }
    }

    private static long padding(long size) {
        return -size & (ALIGNMENT - 1);
    }

    /** Returns whether there is anything behind the zeros. */
    private boolean skipZeros(InputStream in) throws IOException {
        while (true) {
            in.mark(1);
            int next = in.read();
            if (next < 0) return false;
            if (next != 0) {
                in.reset();
                return true;
            }
            count(1);
        }
    }

    private static byte[] peek(InputStream in) throws IOException {
        in.mark(MAGIC_SIZE);
        byte[] magic = in.readNBytes(MAGIC_SIZE);
        in.reset();
        return magic;
    }

    private static boolean isArchive(byte[] magic) {
        String text = new String(magic, StandardCharsets.ISO_8859_1);
        return text.equals("070701") || text.equals("070702");
    }

    private byte[] readFully(InputStream in, int size) throws IOException {
        count(size);
        byte[] bytes = in.readNBytes(size);
        if (bytes.length < size) throw cutShort();
        return bytes;
    }

    private void skip(InputStream in, long size) throws IOException {
        count(size);
        try {
            in.skipNBytes(size);
        } catch (EOFException e) {
            throw cutShort();
        }
    }

    private void count(long size) {
        unpacked += size;
        if (unpacked > MAX_SIZE) {
            throw new InvalidImageException(
                    "an initial file system of at most %d unpacked bytes".formatted(MAX_SIZE), "a larger one");
        }
    }

    private static InvalidImageException cutShort() {
        return new InvalidImageException("a complete cpio archive", "one that is cut short");
    }
}
