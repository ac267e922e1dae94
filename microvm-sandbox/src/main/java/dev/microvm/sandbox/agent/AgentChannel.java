package dev.microvm.sandbox.agent;

import dev.microvm.devices.virtio.vsock.VsockChannel;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A connection with the agent, as frames. One thread reads at a time; any thread may send, because
 * a write to the channel below is never mixed with another.
 */
public final class AgentChannel implements Closeable {
    private static final int INITIAL = 4096; // bytes; a buffer grows to one frame of the largest size

    private final ByteChannel channel;
    private final @Nullable ChannelPool pool;
    private final ReentrantLock sending = new ReentrantLock();
    private volatile boolean complete;
    private volatile boolean released; // closed, or left to the pool; changed under this object's lock
    private ByteBuffer in =
            ByteBuffer.allocate(INITIAL).order(ByteOrder.LITTLE_ENDIAN).limit(0);

    /** Takes the channel over. */
    public AgentChannel(ByteChannel channel) {
        this(channel, null);
    }

    AgentChannel(ByteChannel channel, @Nullable ChannelPool pool) {
        this.channel = channel;
        this.pool = pool;
    }

    /** Sends a frame; waits while the agent does not read. */
    public void send(Payload payload) throws IOException {
        ByteBuffer frame = payload.toFrame();
        sending.lock();
        try {
            if (released) throw new ClosedChannelException();
            while (frame.hasRemaining()) channel.write(frame);
        } finally {
            sending.unlock();
        }
    }

    /** Says that agent and host have no more to say: {@link #close} then leaves the connection for another exchange. */
    void complete() {
        complete = pool != null && !in.hasRemaining();
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

    /** Reads the only answer of a request; the connection is free after it, even if it is an error. */
    public ByteBuffer answer() throws IOException {
        try {
            ByteBuffer payload = expect(Wire.DATA);
            complete();
            return payload;
        } catch (AgentErrorException e) {
            complete();
            throw e;
        }
    }

    /** Reads an answer that is one number. */
    public long number() throws IOException {
        ByteBuffer payload = expect(Wire.OK);
        if (payload.remaining() < Long.BYTES) throw new AgentProtocolException("an answer without its number");
        return payload.getLong();
    }

    static IOException error(ByteBuffer payload) throws AgentProtocolException {
        if (payload.remaining() < Integer.BYTES) throw new AgentProtocolException("an error without its number");
        int number = payload.getInt();
        return new AgentErrorException(
                number, StandardCharsets.UTF_8.decode(payload).toString());
    }

    /** Returns the channel below, for what is no frame; {@link #remaining} comes first. */
    public ByteChannel channel() {
        return channel;
    }

    /** Ends the output of the channel below; what comes from the agent can still be read. */
    void shutdownOutput() throws IOException {
        if (channel instanceof VsockChannel vsock) vsock.shutdownOutput();
        if (channel instanceof PortStream stream) stream.shutdownOutput();
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

    /** Closes the connection if an answer is late, so that the reader fails. */
    public void closeIf(boolean late) {
        if (!late) return;
        try {
            synchronized (this) {
                if (!released) channel.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Closes the connection; the agent then ends what it does for it. After a complete exchange the
     * connection stays open for another one.
     */
    @Override
    public void close() throws IOException {
        boolean free = complete && sending.tryLock(); // else a thread still sends what nobody waits for
        try {
            synchronized (this) {
                if (released) return;
                released = true;
                if (free && pool != null) pool.leave(channel);
                else channel.close();
            }
        } finally {
            if (free) sending.unlock();
        }
    }
}
