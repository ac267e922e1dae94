package dev.microvm.devices.firmware;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The content of one key of {@link FwCfg}: bytes, of a fixed number.
 *
 * <p>Bytes are copied from their source to guest memory only when the guest reads them. Therefore
 * arrays, segments and files must not change while the machine exists. A writable item belongs to
 * one device.
 */
public final class FwCfgItem {
    /** Provides the bytes of an item. */
    @FunctionalInterface
    public interface Source {
        /**
         * Fills a segment. Called under the device's lock, on a vCPU's thread.
         *
         * @param offset offset of the first byte from the start of the item
         * @param to segment to fill, 1 byte to 1 MiB, not beyond the end of the item; may be guest
         *     memory
         * @throws IOException if the bytes cannot be read; the guest then gets an error
         */
        void read(long offset, MemorySegment to) throws IOException;
    }

    /** Largest size of an item in bytes: the directory of files stores it in 32 bits. */
    public static final long MOST_BYTES = 0xffff_ffffL;

    /** Largest size in bytes of an item that the guest may write. */
    public static final int MOST_WRITABLE_BYTES = 4096;

    private final long size;
    private final Source source;
    private final @Nullable Written written;

    private FwCfgItem(long size, Source source, @Nullable Written written) {
        if (size < 0 || size > MOST_BYTES) {
            throw new IllegalArgumentException(
                    "firmware configuration item of %d bytes: must have 0 to 2^32-1".formatted(size));
        }
        this.size = size;
        this.source = source;
        this.written = written;
    }

    /**
     * Makes an item from any source.
     *
     * @param size size in bytes, 0 to {@link #MOST_BYTES}
     * @param source provides the bytes
     * @throws IllegalArgumentException if the size is out of range
     */
    public static FwCfgItem of(long size, Source source) {
        Objects.requireNonNull(source, "source");
        return new FwCfgItem(size, source, null);
    }

    /** Makes an item from an array, which is not copied. */
    public static FwCfgItem of(byte[] bytes) {
        Objects.requireNonNull(bytes, "bytes");
        return of(MemorySegment.ofArray(bytes));
    }

    /** Makes an item from a segment, which is not copied. All threads must have access to it. */
    public static FwCfgItem of(MemorySegment bytes) {
        Objects.requireNonNull(bytes, "bytes");
        return of(bytes.byteSize(), (offset, to) -> MemorySegment.copy(bytes, offset, to, 0, to.byteSize()));
    }

    /**
     * Makes an item from a file that is read piece by piece when the guest reads it.
     *
     * @param file open file; it must stay open as long as the machine; its position is not used
     * @throws IOException if the size of the file cannot be read
     */
    public static FwCfgItem of(FileChannel file) throws IOException {
        Objects.requireNonNull(file, "file");
        return of(file.size(), (offset, to) -> readFully(file, offset, to));
    }

    /**
     * Makes an item from a file that is opened again for each piece that the guest reads. If the
     * file becomes shorter, the guest gets an error.
     *
     * @throws IOException if the size of the file cannot be read
     */
    public static FwCfgItem of(Path file) throws IOException {
        Objects.requireNonNull(file, "file");
        return of(Files.size(file), (offset, to) -> {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                readFully(channel, offset, to);
            }
        });
    }

    /** Makes an item of a 16-bit little-endian number. */
    public static FwCfgItem le16(int value) {
        return of(littleEndian(Short.BYTES).putShort((short) value).array());
    }

    /** Makes an item of a 32-bit little-endian number. */
    public static FwCfgItem le32(int value) {
        return of(littleEndian(Integer.BYTES).putInt(value).array());
    }

    /** Makes an item of a 64-bit little-endian number. */
    public static FwCfgItem le64(long value) {
        return of(littleEndian(Long.BYTES).putLong(value).array());
    }

    /** Makes an item of a string in UTF-8 with a zero byte at its end. */
    public static FwCfgItem string(String text) {
        Objects.requireNonNull(text, "text");
        return of((text + '\0').getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Makes an item that the guest may write by DMA, to tell the host something, such as an
     * address.
     *
     * @param first initial content, up to {@link #MOST_WRITABLE_BYTES} bytes
     * @param changed called with the whole content after each guest write, reset and restore, under
     *     the device's lock, for a guest write on a vCPU's thread: must not block
     * @throws IllegalArgumentException if the content is too large
     */
    public static FwCfgItem writable(byte[] first, Consumer<byte[]> changed) {
        Objects.requireNonNull(first, "first");
        Objects.requireNonNull(changed, "changed");
        if (first.length > MOST_WRITABLE_BYTES) {
            throw new IllegalArgumentException("writable firmware configuration item of %d bytes: must have 0 to %d"
                    .formatted(first.length, MOST_WRITABLE_BYTES));
        }
        Written written = new Written(first, changed);
        return new FwCfgItem(first.length, written::read, written);
    }

    private static ByteBuffer littleEndian(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static void readFully(FileChannel file, long offset, MemorySegment to) throws IOException {
        ByteBuffer rest = to.asByteBuffer();
        while (rest.hasRemaining()) {
            if (file.read(rest, offset + rest.position()) < 0) {
                throw new EOFException("the file ends at or before byte " + (offset + rest.position()));
            }
        }
    }

    /** Returns the size in bytes, which never changes. */
    public long size() {
        return size;
    }

    void read(long offset, MemorySegment to) throws IOException {
        source.read(offset, to);
    }

    /** Returns the writable content, or null if the guest may not write the item. */
    @Nullable
    Written written() {
        return written;
    }

    /** The content of a writable item. Guarded by the lock of its {@link FwCfg}. */
    static final class Written {
        private final byte[] first;
        private final byte[] content;
        private final Consumer<byte[]> changed;

        Written(byte[] first, Consumer<byte[]> changed) {
            this.first = first.clone();
            this.content = first.clone();
            this.changed = changed;
        }

        void read(long offset, MemorySegment to) {
            to.copyFrom(MemorySegment.ofArray(content).asSlice(offset, to.byteSize()));
        }

        void write(long offset, MemorySegment from) {
            MemorySegment.ofArray(content).asSlice(offset, from.byteSize()).copyFrom(from);
            changed.accept(content.clone());
        }

        byte[] content() {
            return content.clone();
        }

        void content(byte[] bytes) {
            if (bytes.length != content.length) {
                throw new IllegalArgumentException(
                        "%d bytes for an item of %d".formatted(bytes.length, content.length));
            }
            write(0, MemorySegment.ofArray(bytes));
        }

        void reset() {
            content(first);
        }
    }
}
