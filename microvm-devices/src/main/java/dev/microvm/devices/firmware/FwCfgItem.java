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
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a guest finds under one key of {@link FwCfg}: bytes, as many as were there when the item was made.
 *
 * <p>Nothing large is copied: bytes go from their source to guest memory when the guest asks for them. So leave an array,
 * a segment or a file as it is while the machine lives. A writable item belongs to one device.
 */
public final class FwCfgItem {
    /** Where an item's bytes come from. */
    @FunctionalInterface
    public interface Source {
        /**
         * Fills a segment. Called under the device's lock, on a vCPU's thread.
         *
         * @param offset of the first byte, from the start of the item
         * @param to 1 byte to 1 MiB, none of it beyond the item's end; may be guest memory
         * @throws IOException if the bytes cannot be had; the guest gets an error
         */
        void read(long offset, MemorySegment to) throws IOException;
    }

    /** The most bytes of an item: the directory of files has 32 bits for it. */
    public static final long MOST_BYTES = 0xffff_ffffL;

    /** The most bytes of an item that the guest may write. */
    public static final int MOST_WRITABLE_BYTES = 4096;

    private final long size;
    private final Source source;
    private final @Nullable Written written;

    private FwCfgItem(long size, Source source, @Nullable Written written) {
        if (size < 0 || size > MOST_BYTES) {
            throw new IllegalArgumentException("firmware configuration item of %d bytes: 0 to 2^32-1".formatted(size));
        }
        this.size = size;
        this.source = source;
        this.written = written;
    }

    /**
     * Bytes from anywhere.
     *
     * @param size bytes, 0 to {@link #MOST_BYTES}
     * @param source gives them
     */
    public static FwCfgItem of(long size, Source source) {
        return new FwCfgItem(size, source, null);
    }

    /** The bytes of an array, which is not copied. */
    public static FwCfgItem of(byte[] bytes) {
        return of(MemorySegment.ofArray(bytes));
    }

    /** The bytes of a segment, which is not copied; any thread must be able to read it. */
    public static FwCfgItem of(MemorySegment bytes) {
        return of(bytes.byteSize(), (offset, to) -> MemorySegment.copy(bytes, offset, to, 0, to.byteSize()));
    }

    /**
     * The bytes of a file, which is read piece by piece as the guest asks.
     *
     * @param file stays open as long as the machine; its position does not matter
     * @throws IOException if the file does not tell its size
     */
    public static FwCfgItem of(FileChannel file) throws IOException {
        return of(file.size(), (offset, to) -> readFully(file, offset, to));
    }

    /**
     * The bytes of a file, which is opened anew for each piece that the guest asks for; one that gets shorter is an error
     * to the guest.
     *
     * @throws IOException if the file does not tell its size
     */
    public static FwCfgItem of(Path file) throws IOException {
        return of(Files.size(file), (offset, to) -> {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                readFully(channel, offset, to);
            }
        });
    }

    /** A 16-bit number. */
    public static FwCfgItem le16(int value) {
        return of(littleEndian(Short.BYTES).putShort((short) value).array());
    }

    /** A 32-bit number. */
    public static FwCfgItem le32(int value) {
        return of(littleEndian(Integer.BYTES).putInt(value).array());
    }

    /** A 64-bit number. */
    public static FwCfgItem le64(long value) {
        return of(littleEndian(Long.BYTES).putLong(value).array());
    }

    /** A string as UTF-8 with a zero byte at its end. */
    public static FwCfgItem string(String text) {
        return of((text + '\0').getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Bytes that the guest may write, by DMA: for what firmware has to tell the host, such as an address.
     *
     * @param first what the guest finds at first, up to {@link #MOST_WRITABLE_BYTES} bytes
     * @param changed hears the whole content after each write by the guest, each reset and each restore; called under the
     *     device's lock, on a vCPU's thread: must not block
     */
    public static FwCfgItem writable(byte[] first, Consumer<byte[]> changed) {
        if (first.length > MOST_WRITABLE_BYTES) {
            throw new IllegalArgumentException("writable firmware configuration item of %d bytes: 0 to %d"
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

    /** Its length in bytes; never changes. */
    public long size() {
        return size;
    }

    void read(long offset, MemorySegment to) throws IOException {
        source.read(offset, to);
    }

    /** What the guest may write of it, or null if it may not. */
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
