package dev.microvm.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Reads a descriptor as a stream whose waiting reader can be stopped. No JDK stream allows that for
 * standard input. A read waits in poll(2) for the descriptor and for an eventfd. The stream does
 * not read ahead. One thread reads, and closes the stream when it is done; any thread may call
 * {@link #stop}.
 */
public final class StoppableInput extends InputStream {
    // struct pollfd: include/uapi/asm-generic/poll.h
    private static final long POLLFD_SIZE = 8;
    private static final long EVENTS = 4;
    private static final long REVENTS = 6;
    private static final short POLLIN = 0x1;

    private final int fd;
    private final EventFd stop = new EventFd();

    /**
     * Makes a stream of a descriptor, which {@link #close} does not close; throws
     * {@link ErrnoException} if the host has no descriptor left.
     */
    public StoppableInput(int fd) {
        this.fd = fd;
    }

    /** Ends the stream: the current read and all later ones return -1. */
    public void stop() {
        stop.signal();
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : Byte.toUnsignedInt(one[0]);
    }

    /**
     * Waits for bytes and reads at least one; returns -1 at the end of the input and after
     * {@link #stop}.
     */
    @Override
    public int read(byte[] to, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, to.length);
        if (length == 0) return 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(length);
            long n;
            do {
                if (!awaitInput(arena)) return -1;
                n = Libc.read(fd, buffer);
            } while (n == -Errno.EINTR || n == -Errno.EAGAIN);
            if (n == 0) return -1;
            int count = Libc.check("read", n);
            MemorySegment.copy(buffer, JAVA_BYTE, 0, to, offset, count);
            return count;
        } catch (ErrnoException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    /** Returns whether there is something to read (bytes, the end, an error); false if stopped. */
    private boolean awaitInput(Arena arena) {
        MemorySegment descriptors = arena.allocate(2 * POLLFD_SIZE, Integer.BYTES);
        descriptors.set(JAVA_INT, 0, stop.descriptor());
        descriptors.set(JAVA_SHORT, EVENTS, POLLIN);
        descriptors.set(JAVA_INT, POLLFD_SIZE, fd);
        descriptors.set(JAVA_SHORT, POLLFD_SIZE + EVENTS, POLLIN);
        int ready;
        do {
            ready = Libc.poll(descriptors, 2);
        } while (ready == -Errno.EINTR);
        Libc.check("poll", ready);
        return descriptors.get(JAVA_SHORT, REVENTS) == 0;
    }

    @Override
    public void close() {
        stop.close();
    }
}
