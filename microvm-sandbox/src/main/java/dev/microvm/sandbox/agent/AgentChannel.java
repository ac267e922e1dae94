package dev.microvm.sandbox.agent;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ByteChannel;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A connection with the agent, as frames. One thread reads at a time; any thread may send, because
 * a write to the channel below is never mixed with another.
 */
public final class AgentChannel implements Closeable {
    private static final int INITIAL = 4096; // bytes; a buffer grows to one frame of the largest size

    private final ByteChannel channel;
    private ByteBuffer in =
            ByteBuffer.allocate(INITIAL).order(ByteOrder.LITTLE_ENDIAN).limit(0);

    /** Takes the channel over. */
    public AgentChannel(ByteChannel channel) {
        this.channel = channel;
    }

    /** Sends a frame; waits while the agent does not read. */
    public void send(Payload payload) throws IOException {
        ByteBuffer frame = payload.toFrame();
        while (frame.hasRemaining()) channel.write(frame);
    }

    /**
     * Reads a frame; null at the end of the connection.
     *
     * @throws AgentProtocolException if the agent sends something else
     */
    public @Nullable Frame read() throws IOException {
        if (!fill(Wire.HEADER)) {
            if (in.hasRemaining()) throw new AgentProtocolException("a connection that ends within a frame");
            return null;
        }
        int length = in.getInt();
        int type = in.getInt();
        if (length < 0 || length > Wire.MAX_DATA) {
            throw new AgentProtocolException("a frame of type %d with %s bytes; at most %d may be"
                    .formatted(type, Integer.toUnsignedString(length), Wire.MAX_DATA));
        }
        if (!fill(length)) throw new AgentProtocolException("a connection that ends within a frame");
        ByteBuffer payload = in.slice(in.position(), length).order(ByteOrder.LITTLE_ENDIAN);
        in.position(in.position() + length);
        return new Frame(type, payload);
    }

    /**
     * Reads the frame that must come now.
     *
     * @throws AgentErrorException if it is an error
     * @throws AgentProtocolException if it has another type
     * @throws EOFException at the end of the connection
     */
    public ByteBuffer expect(int type) throws IOException {
        Frame frame = require();
        if (frame.type() != type) {
            throw new AgentProtocolException("a frame of type %d in place of %d".formatted(frame.type(), type));
        }
        return frame.payload();
    }

    /**
     * Reads a frame.
     *
     * @throws AgentErrorException if it is an error
     * @throws EOFException at the end of the connection
     */
    public Frame require() throws IOException {
        Frame frame = read();
        if (frame == null) throw new EOFException("the agent ended the connection without an answer");
        if (frame.type() == Wire.ERROR) throw error(frame.payload());
        return frame;
    }

    /** Reads an answer that is one number. */
    public long number() throws IOException {
        ByteBuffer payload = expect(Wire.OK);
        if (payload.remaining() < Long.BYTES) throw new AgentProtocolException("an answer without its number");
        return payload.getLong();
    }

    private static IOException error(ByteBuffer payload) throws AgentProtocolException {
        if (payload.remaining() < Integer.BYTES) throw new AgentProtocolException("an error without its number");
        int number = payload.getInt();
        return new AgentErrorException(
                number, StandardCharsets.UTF_8.decode(payload).toString());
    }

    /** Returns the channel below, for what is no frame; {@link #remaining} comes first. */
    public ByteChannel channel() {
        return channel;
    }

    /** Returns the bytes after the last frame that have been read from the channel already. */
    public ByteBuffer remaining() {
        return in;
    }

    /** Reads until so many bytes are there; returns whether they are. */
    private boolean fill(int bytes) throws IOException {
        if (in.remaining() >= bytes) return true;
        if (in.capacity() - in.position() < bytes) {
            ByteBuffer target = in.capacity() < bytes
                    ? ByteBuffer.allocate(Wire.HEADER + Wire.MAX_DATA).order(ByteOrder.LITTLE_ENDIAN)
                    : in.duplicate().order(ByteOrder.LITTLE_ENDIAN).clear();
            in = target.put(in).flip();
        }
        int start = in.position();
        in.position(in.limit()).limit(in.capacity());
        int length = 0;
        while (length >= 0 && in.position() - start < bytes) length = channel.read(in);
        in.flip().position(start);
        return length >= 0;
    }

    /** Closes the connection; the agent then ends what it does for it. */
    @Override
    public void close() throws IOException {
        channel.close();
    }
}
