package dev.microvm.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.microvm.event.ThreadEnd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Waits on its own thread until a descriptor is readable, and reports that once each time it is
 * armed. Used by event loops that cannot wait for descriptors. Any thread may call {@link #arm} and
 * {@link #close}.
 */
public final class DescriptorWatch implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(DescriptorWatch.class);
    private static final Duration JOIN_LIMIT = Duration.ofSeconds(5);

    // struct pollfd and its bits: include/uapi/asm-generic/poll.h
    private static final long POLLFD_SIZE = 8;
    private static final long EVENTS = 4;
    private static final long REVENTS = 6;
    private static final short POLLIN = 0x1;
    private static final int IGNORED = -1; // a negative descriptor: poll(2)

    private final int fd;
    private final Runnable readable;
    private final EventFd wake = new EventFd();
    private final Thread thread;
    private volatile boolean armed;
    private volatile boolean stopping;

    /**
     * Starts a watch that is not armed.
     *
     * @param fd descriptor to watch; the watch does not close it, and it must stay open until the
     *     watch is closed
     * @param threadName name of the watch's thread
     * @param readable called on the watch's thread; must not block
     * @throws ErrnoException if the host has no descriptor left
     */
    public DescriptorWatch(int fd, String threadName, Runnable readable) {
        this.fd = fd;
        this.readable = readable;
        thread = Thread.ofPlatform().name(threadName).daemon().unstarted(this::run);
        thread.start();
    }

    /**
     * Arms the watch: {@code readable} is called once when the descriptor is readable or has an
     * error, or immediately if it already is.
     */
    public void arm() {
        if (armed) return;
        armed = true;
        wake.signal();
    }

    /**
     * Stops the thread and waits up to 5 s for its end. After that nothing is called. A second call
     * has no effect.
     */
    @Override
    public void close() {
        stopping = true;
        wake.signal();
        if (!Thread.currentThread().equals(thread)) ThreadEnd.await(thread, JOIN_LIMIT);
    }

    private void run() {
        try (wake;
                Arena arena = Arena.ofConfined()) {
            MemorySegment descriptors = arena.allocate(2 * POLLFD_SIZE, Integer.BYTES);
            MemorySegment scratch = arena.allocate(JAVA_LONG);
            descriptors.set(JAVA_INT, 0, wake.descriptor());
            descriptors.set(JAVA_SHORT, EVENTS, POLLIN);
            descriptors.set(JAVA_SHORT, POLLFD_SIZE + EVENTS, POLLIN);
            while (!stopping) {
                descriptors.set(JAVA_INT, POLLFD_SIZE, armed ? fd : IGNORED);
                int ready = Libc.poll(descriptors, 2);
                if (ready < 0 && ready != -Errno.EINTR) Libc.check("poll", ready);
                if (descriptors.get(JAVA_SHORT, REVENTS) != 0) wake.drain(scratch);
                if (stopping || descriptors.get(JAVA_SHORT, POLLFD_SIZE + REVENTS) == 0) continue;
                armed = false;
                call();
            }
        }
    }

    private void call() {
        try {
            readable.run();
        } catch (RuntimeException e) {
            log.error("{}: an action failed", thread.getName(), e);
        }
    }
}
