package dev.microvm.console;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.microvm.devices.legacy.Uart16550;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Keeps what a guest printed: the newest bytes, up to {@link #CAPACITY}, for any number of readers.
 *
 * <p>Without readers, new bytes replace the oldest. An attached {@link Reader} loses nothing: while
 * it is a whole buffer behind, the guest's serial port is busy. Any thread may call.
 */
public final class ConsoleBuffer implements Uart16550.Output {
    /** How much is kept, in bytes. */
    static final int CAPACITY = 256 << 10;

    private static final int FIRST_SIZE = 4 << 10; // grows to CAPACITY as it fills

    private byte[] ring = new byte[FIRST_SIZE]; // its length is a power of two
    private long end; // bytes written since the start
    private boolean ended;
    private boolean refused;
    private int waiting; // threads in await
    private final List<Reader> readers = new ArrayList<>();
    private Runnable roomAgain = () -> {};

    /**
     * Sets the action to call when there is room for a refused character. It is called without a
     * lock.
     */
    public synchronized void onRoom(Runnable action) {
        roomAgain = action;
    }

    @Override
    public synchronized boolean offer(int character) {
        if (end - oldest() == ring.length && ring.length < CAPACITY) grow();
        for (int i = 0; i < readers.size(); i++) { // no iterator: this runs once per character
            if (end - readers.get(i).position >= ring.length) {
                refused = true;
                return false;
            }
        }
        ring[(int) end & (ring.length - 1)] = (byte) character;
        end++;
        if (waiting > 0) notifyAll();
        return true;
    }

    /**
     * Appends bytes of a segment, {@code [offset, offset + length)}.
     *
     * @return how many were taken, from the first on
     */
    synchronized long offer(MemorySegment from, long offset, long length) {
        long room = length;
        for (int i = 0; i < readers.size(); i++) {
            room = Math.min(room, CAPACITY - (end - readers.get(i).position));
        }
        if (room < length) refused = true;
        for (long done = 0; done < room; ) done += append(from, offset + done, room - done);
        if (room > 0 && waiting > 0) notifyAll();
        return room;
    }

    /** Copies what fits before the ring's end; returns how many bytes. */
    private int append(MemorySegment from, long offset, long length) {
        while (end - oldest() + Math.min(length, CAPACITY) > ring.length && ring.length < CAPACITY) grow();
        int at = (int) end & (ring.length - 1);
        int now = (int) Math.min(length, ring.length - at);
        MemorySegment.copy(from, JAVA_BYTE, offset, ring, at, now);
        end += now;
        return now;
    }

    /** Ends the output: nothing will be printed any more. */
    public synchronized void end() {
        ended = true;
        notifyAll();
    }

    /** Whether the guest has ended. */
    public synchronized boolean ended() {
        return ended;
    }

    /** Returns all that is kept, as UTF-8. */
    public String text() {
        return text(Long.MIN_VALUE);
    }

    /** Returns what is kept from a position on, as UTF-8. */
    public synchronized String text(long from) {
        return new String(copy(from, end), StandardCharsets.UTF_8);
    }

    /**
     * Waits until {@code text} is printed at or after {@code from}.
     *
     * @param deadline on the clock of {@link System#nanoTime}
     * @return the position after it, or -1 if the deadline passes or the guest ends first
     */
    public synchronized long await(String text, long from, long deadline) throws InterruptedException {
        byte[] wanted = text.getBytes(StandardCharsets.UTF_8);
        long at = from;
        while (true) {
            for (at = Math.max(at, oldest()); at + wanted.length <= end; at++) {
                if (isAt(wanted, at)) return at + wanted.length;
            }
            if (ended || !waitForMore(deadline)) return -1;
        }
    }

    private boolean isAt(byte[] wanted, long at) {
        for (int i = 0; i < wanted.length; i++) {
            if (ring[(int) (at + i) & (ring.length - 1)] != wanted[i]) return false;
        }
        return true;
    }

    /**
     * Waits for a change; false if there was none before the deadline. The caller holds the lock.
     */
    private boolean waitForMore(long deadline) throws InterruptedException {
        long before = end;
        waiting++;
        try {
            while (end == before && !ended) {
                long left = deadline - System.nanoTime();
                if (left <= 0) return false;
                wait(left / 1_000_000, (int) (left % 1_000_000));
            }
            return true;
        } finally {
            waiting--;
        }
    }

    private long oldest() {
        return Math.max(0, end - ring.length);
    }

    private void grow() {
        byte[] larger = new byte[ring.length * 2];
        for (long at = oldest(); at < end; at++) {
            larger[(int) at & (larger.length - 1)] = ring[(int) at & (ring.length - 1)];
        }
        ring = larger;
    }

    private byte[] copy(long from, long to) {
        long start = Math.max(from, oldest());
        byte[] bytes = new byte[(int) Math.max(0, to - start)];
        for (int i = 0; i < bytes.length; i++) bytes[i] = ring[(int) (start + i) & (ring.length - 1)];
        return bytes;
    }

    /** One reader's place. */
    public final class Reader {
        private long position;

        /** Returns the same as a stream, for one thread; closing it detaches this reader. */
        public InputStream stream() {
            return new ConsoleInputStream(this);
        }

        /**
         * Waits for bytes.
         *
         * @return at least one byte and at most {@code max}; null at the end
         */
        public byte @Nullable [] read(int max) throws InterruptedException {
            byte[] bytes;
            Runnable afterwards = () -> {};
            synchronized (ConsoleBuffer.this) {
                while (position == end) {
                    if (ended) return null;
                    waitForMore(System.nanoTime() + Long.MAX_VALUE / 2);
                }
                bytes = copy(position, Math.min(end, position + max));
                position += bytes.length;
                if (refused) {
                    refused = false;
                    afterwards = roomAgain;
                }
            }
            afterwards.run();
            return bytes;
        }

        /** Returns how many bytes {@link #read} can return without waiting. */
        public int available() {
            synchronized (ConsoleBuffer.this) {
                return Math.toIntExact(end - position);
            }
        }

        /** Detaches this reader; the guest no longer waits for it. */
        public void detach() {
            synchronized (ConsoleBuffer.this) {
                readers.remove(this);
                if (!refused) return;
                refused = false;
            }
            roomAgain.run();
        }
    }

    /** Attaches a reader that begins with the oldest byte kept. */
    public synchronized Reader attach() {
        Reader reader = new Reader();
        reader.position = oldest();
        readers.add(reader);
        return reader;
    }

    /** Returns the position of the next character. */
    public synchronized long position() {
        return end;
    }

    /** Returns the last line with {@code text}, at or after {@code from}; null if there is none. */
    public synchronized @Nullable String lineWith(String text, long from) {
        return text(from)
                .lines()
                .filter(line -> line.contains(text))
                .reduce((first, second) -> second)
                .orElse(null);
    }
}
