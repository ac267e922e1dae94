package dev.microvm.sandbox.root.source;

import dev.microvm.compress.ZstdInputStream;
import dev.microvm.sandbox.tar.TarHeader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Unpacks all frames of a zstd file; skippable ones have no content. The heap of its window comes
 * from the JVM's budget for unpacking. For one thread.
 *
 * <p>Source: RFC 8878, 3.1. Programs that write layers in pieces make many frames.
 */
final class ZstdFrames extends InputStream {
    private static final int MAGIC = 0xFD2FB528; // 3.1.1
    private static final int SKIPPABLE_MAGIC = 0x184D2A50; // 3.1.2, with any last digit
    private static final int SKIPPABLE_MASK = 0xFFFFFFF0;

    private static final long NO_LIMIT = 1L << 62; // bytes; a tree has limits of its own

    private final InputStream in;
    private final UnpackingHeap heap = new UnpackingHeap();
    private @Nullable ZstdInputStream frame;
    private boolean ended;

    /** Begins; {@code in} supports {@link InputStream#mark}. */
    ZstdFrames(InputStream in) {
        this.in = in;
    }

    /** Returns whether a file that begins so is one of zstd. */
    static boolean begins(byte[] magic) {
        if (magic.length < Integer.BYTES) return false;
        int number = littleEndian(magic);
        return number == MAGIC || isSkippable(number);
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] to, int offset, int length) throws IOException {
        if (length == 0) return 0;
        while (!ended) {
            if (frame == null) frame = nextFrame();
            if (frame == null) break;
            int count = frame.read(to, offset, length);
            if (count > 0) return count;
            frame = null;
            heap.giveAll();
        }
        ended = true;
        return -1;
    }

    /** Begins the next frame with content; null at the end of the file. */
    private @Nullable ZstdInputStream nextFrame() throws IOException {
        while (true) {
            in.mark(Integer.BYTES);
            byte[] magic = in.readNBytes(Integer.BYTES);
            if (magic.length == 0) return null;
            if (magic.length < Integer.BYTES || !isSkippable(littleEndian(magic))) break;
            byte[] size = in.readNBytes(Integer.BYTES);
            if (size.length < Integer.BYTES) throw TarHeader.broken("it is cut short");
            in.skipNBytes(Integer.toUnsignedLong(littleEndian(size)));
        }
        in.reset();
        return new ZstdInputStream(in, NO_LIMIT, heap::take);
    }

    @Override
    public void close() throws IOException {
        ended = true;
        heap.close();
        in.close();
    }

    private static boolean isSkippable(int magic) {
        return (magic & SKIPPABLE_MASK) == SKIPPABLE_MAGIC;
    }

    private static int littleEndian(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt();
    }
}
