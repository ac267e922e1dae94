package dev.microvm.sandbox.agent;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedByInterruptException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Connections with the agent as streams of one port of the virtio console, for guests without a
 * socket device. {@code src/main/guest/agent/mux.c} has the other side, and says what a record is.
 * Two threads move the records, and end with the guest; no stream waits for another. Any thread may
 * call.
 */
public final class PortStreams {
    /** The port's name: {@code agent.h}. */
    public static final String PORT = "microvm.agent";

    /** Streams at a time. */
    static final int MOST = 256;

    /** Bytes that a stream may have on their way in one direction. */
    static final int CREDIT = 1 << 16;

    /** Bytes of a payload at most. */
    static final int RECORD = 1 << 14;

    private static final int HEADER = 8; // bytes: kind, length, stream
    private static final int LENGTH_SHIFT = 8;
    private static final int KIND = (1 << LENGTH_SHIFT) - 1;
    private static final int PREAMBLE = HEADER + RECORD; // zeros: the rest of a record that nobody ends

    // Kinds of records.
    private static final int GREET = 1;
    static final int HELLO = 2;
    private static final int OPEN = 3;
    static final int DATA = 4;
    static final int GRANT = 5;
    static final int END = 6;
    static final int CLOSE = 7;

    private static final byte[] LAST = {}; // ends the thread that sends

    private final SecureRandom random = new SecureRandom();
    private final BlockingQueue<byte[]> records = new LinkedBlockingQueue<>(); // bounded by the streams' credit
    private final Map<Integer, PortStream> streams = new ConcurrentHashMap<>();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    // Guarded by the lock.
    private long nonce; // of the last greeting; 0 if the agent is to be greeted
    private boolean greeted; // and it has answered
    private boolean ended;
    private int lastId;

    /**
     * Begins to read and write a port. It takes the streams over.
     *
     * @param name of the machine, for the threads
     */
    public PortStreams(InputStream fromGuest, OutputStream toGuest, String name) {
        thread(name + "-agent-in", () -> read(fromGuest));
        thread(name + "-agent-out", () -> write(toGuest));
    }

    private static void thread(String name, Runnable action) {
        Thread.ofPlatform().name("microvm-" + name).daemon().start(action);
    }

    /**
     * Makes a connection.
     *
     * @throws SocketTimeoutException if the agent does not answer
     * @throws SocketException if the guest has ended, or there are too many connections
     */
    public ByteChannel connect(Duration timeout) throws IOException {
        long deadline = System.nanoTime() + timeout.toNanos();
        lock.lock();
        try {
            while (!greeted) {
                if (ended) throw new SocketException("the guest has ended");
                if (nonce == 0) greet();
                long left = deadline - System.nanoTime();
                if (left <= 0) throw new SocketTimeoutException("the guest does not answer at its port " + PORT);
                var _ = changed.awaitNanos(left);
            }
            if (streams.size() >= MOST) throw new SocketException("more than %d connections".formatted(MOST));
            PortStream stream = new PortStream(this, ++lastId);
            streams.put(stream.id(), stream);
            send(OPEN, stream.id(), ByteBuffer.allocate(0));
            return stream;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ClosedByInterruptException();
        } finally {
            lock.unlock();
        }
    }

    private void greet() {
        while (nonce == 0) nonce = random.nextLong();
        records.add(new byte[PREAMBLE]);
        send(GREET, 0, word(Long.BYTES).putLong(0, nonce));
    }

    /** Tells that the program in the guest has closed the port. */
    public void guestClosed() {
        lock.lock();
        try {
            lost("the guest's agent has ended");
        } finally {
            lock.unlock();
        }
    }

    private void lost(String why) {
        greeted = false;
        nonce = 0;
        changed.signalAll();
        streams.values().forEach(stream -> stream.fail(why));
        streams.clear();
    }

    // ---- what streams need

    void send(int kind, int stream, ByteBuffer payload) {
        int length = payload.remaining();
        records.add(word(HEADER + length)
                .putInt(kind | length << LENGTH_SHIFT)
                .putInt(stream)
                .put(payload)
                .array());
    }

    void send(int kind, int stream, int value) {
        send(kind, stream, word(Integer.BYTES).putInt(0, value));
    }

    /** Ends a stream on this side. */
    void close(int stream) {
        if (streams.remove(stream) != null) send(CLOSE, stream, ByteBuffer.allocate(0));
    }

    private static ByteBuffer word(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    // ---- the threads

    private void write(OutputStream to) {
        try {
            for (byte[] record = records.take(); record.length > 0; record = records.take()) to.write(record);
        } catch (IOException e) { // the guest has ended, which the other thread tells
            return;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void read(InputStream from) {
        ByteBuffer in = word(2 * (HEADER + RECORD));
        String why = "the guest has ended";
        try (from) {
            for (int n = read(from, in); n >= 0; n = read(from, in)) {
                in.position(in.position() + n).flip();
                while (takeRecord(in)) {}
                in.compact();
            }
        } catch (IOException e) {
            why = String.valueOf(e.getMessage());
        }
        lock.lock();
        try {
            ended = true;
            lost(why);
        } finally {
            lock.unlock();
        }
        records.add(LAST);
    }

    private static int read(InputStream from, ByteBuffer to) throws IOException {
        return from.read(to.array(), to.position(), to.remaining());
    }

    /** Takes a record, or a byte that begins none; returns whether there was one. */
    private boolean takeRecord(ByteBuffer in) {
        if (in.remaining() < HEADER) return false;
        int at = in.position();
        int kind = in.getInt(at) & KIND;
        int length = in.getInt(at) >>> LENGTH_SHIFT;
        if (kind == 0 || kind > CLOSE || length > RECORD) {
            in.position(at + 1);
            return true;
        }
        if (in.remaining() < HEADER + length) return false;
        in.position(at + HEADER + length);
        take(kind, in.getInt(at + Integer.BYTES), in.slice(at + HEADER, length).order(ByteOrder.LITTLE_ENDIAN));
        return true;
    }

    private void take(int kind, int id, ByteBuffer payload) {
        lock.lock();
        try {
            if (kind == HELLO && payload.remaining() == Long.BYTES) hello(payload.getLong());
            PortStream stream = streams.get(id);
            if (!greeted || stream == null) return; // of another time, or closed meanwhile
            if (kind == CLOSE) streams.remove(id);
            if (!stream.take(kind, payload)) {
                close(id);
                stream.fail("the guest's agent does not keep to its protocol");
            }
        } finally {
            lock.unlock();
        }
    }

    /** The answer to our greeting; 0 and answers to others come from an agent that knows none of our streams. */
    private void hello(long answer) {
        if (answer != 0 && answer == nonce) {
            greeted = true;
            changed.signalAll();
        } else if (greeted || answer == 0) {
            lost("the guest's agent was started again");
        }
    }
}
