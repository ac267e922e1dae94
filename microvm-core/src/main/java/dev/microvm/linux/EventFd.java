package dev.microvm.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** An eventfd(2): a counter in the kernel that threads can wait for. Any thread may call. */
public final class EventFd implements AutoCloseable {
    // include/uapi/linux/eventfd.h
    private static final int EFD_CLOEXEC = 0x80000;
    private static final int EFD_NONBLOCK = 0x800;

    /**
     * The number that {@link #signal} adds. All instances share it, because it is never written.
     */
    private static final MemorySegment ONE = constant(1);

    private final FileDescriptor fd;
    private boolean closed;

    /** Makes an eventfd whose counter is 0; throws {@link ErrnoException}. */
    public EventFd() {
        fd = new FileDescriptor(Libc.check("eventfd", Libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
    }

    /** Returns the descriptor. It is valid until this is closed. */
    public int descriptor() {
        return fd.value();
    }

    /** Adds one to the counter. Has no effect after {@link #close}. */
    public synchronized void signal() {
        // EAGAIN: the counter is full, so a waiting thread wakes anyway.
        if (!closed) Libc.write(fd.value(), ONE);
    }

    /**
     * Sets the counter to 0.
     *
     * @param scratch 8 bytes of native memory, for the kernel to write to
     * @return whether it was above 0
     */
    public synchronized boolean drain(MemorySegment scratch) {
        return !closed && Libc.read(fd.value(), scratch) == Long.BYTES;
    }

    @Override
    public synchronized void close() {
        closed = true;
        fd.close();
    }

    private static MemorySegment constant(long value) {
        return Arena.global().allocateFrom(JAVA_LONG, value);
    }
}
