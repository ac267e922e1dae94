package dev.microvm.sandbox.agent;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** A frame to the agent while it is put together. For one thread. */
public final class Payload {
    private static final int INITIAL = 256; // bytes

    private final int type;
    private ByteBuffer frame = ByteBuffer.allocate(INITIAL).order(ByteOrder.LITTLE_ENDIAN);

    private Payload(int type) {
        this.type = type;
        frame.position(Wire.HEADER);
    }

    /** Begins a frame of a type of {@link Wire}. */
    public static Payload of(int type) {
        return new Payload(type);
    }

    /** Appends 32 bits. */
    public Payload int32(int value) {
        room(Integer.BYTES).putInt(value);
        return this;
    }

    /** Appends 64 bits. */
    public Payload int64(long value) {
        room(Long.BYTES).putLong(value);
        return this;
    }

    /**
     * Appends a text: its length, its bytes in UTF-8, a 0.
     *
     * @throws IllegalArgumentException if it has a character NUL, which no text of Linux can have
     */
    public Payload text(String value) {
        if (value.indexOf('\0') >= 0) throw new IllegalArgumentException("a text with a character NUL");
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        room(Integer.BYTES + bytes.length + 1).putInt(bytes.length).put(bytes).put((byte) 0);
        return this;
    }

    /** Appends the number of texts and each text. */
    public Payload texts(List<String> values) {
        int32(values.size());
        values.forEach(this::text);
        return this;
    }

    /** Appends the remaining bytes of a buffer. */
    public Payload bytes(ByteBuffer bytes) {
        room(bytes.remaining()).put(bytes);
        return this;
    }

    /**
     * Returns the whole frame.
     *
     * @throws IllegalArgumentException if it is larger than {@link Wire#MAX_REQUEST}
     */
    ByteBuffer toFrame() {
        int length = frame.position() - Wire.HEADER;
        if (length > Wire.MAX_REQUEST) {
            throw new IllegalArgumentException(
                    "a request of %d bytes; at most %d are possible".formatted(length, Wire.MAX_REQUEST));
        }
        frame.putInt(0, length).putInt(Integer.BYTES, type);
        return frame.duplicate().flip();
    }

    private ByteBuffer room(int bytes) {
        if (frame.remaining() < bytes) {
            ByteBuffer larger = ByteBuffer.allocate(Math.max(2 * frame.capacity(), frame.position() + bytes))
                    .order(ByteOrder.LITTLE_ENDIAN);
            frame = larger.put(frame.flip());
        }
        return frame;
    }
}
