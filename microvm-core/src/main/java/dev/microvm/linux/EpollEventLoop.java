package dev.microvm.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.event.EventLoop;
import dev.microvm.event.EventLoopThread;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The {@link EventLoop} of Linux: one thread in epoll_wait(2) over eventfds and one timerfd for all
 * timers.
 */
public final class EpollEventLoop implements EventLoop {
    // include/uapi/linux/eventpoll.h; struct epoll_event is packed on x86-64
    private static final int EPOLL_CLOEXEC = 0x80000;
    private static final int EPOLL_CTL_ADD = 1;
    private static final int EPOLL_CTL_DEL = 2;
    private static final int EPOLLIN = 0x001;
    private static final boolean PACKED = System.getProperty("os.arch").equals("amd64");
    private static final long EVENT_SIZE = PACKED ? 12 : 16;
    private static final long EVENT_DATA = PACKED ? 4 : 8;

    // include/uapi/linux/timerfd.h, time.h
    private static final int CLOCK_MONOTONIC = 1;
    private static final int TFD_CLOEXEC = 0x80000;
    private static final int TFD_NONBLOCK = 0x800;
    private static final long ITIMERSPEC_SIZE = 32; // interval seconds, nanoseconds; value seconds, nanoseconds
    private static final long NANOS_PER_SECOND = 1_000_000_000;

    private static final int MAX_EVENTS = 64;
    private static final int WAKE = 0; // slot of the eventfd that gets the loop's attention
    private static final int TIMER = 1; // slot of the timerfd
    private static final int FIRST_SIGNAL = 2;

    private final EventLoopThread thread;
    private final FileDescriptor epoll;
    private final EventFd wake;
    private final FileDescriptor timerFd;

    // Guarded by this.
    private final List<@Nullable LoopSignal> signals = new ArrayList<>();
    private final MemorySegment itimerspec = Arena.ofAuto().allocate(ITIMERSPEC_SIZE, Long.BYTES);

    /**
     * Starts a loop.
     *
     * @param threadName of its thread, which is a daemon
     * @throws ErrnoException if the host has no descriptor left
     */
    public EpollEventLoop(String threadName) {
        epoll = new FileDescriptor(Libc.check("epoll_create1", Libc.epollCreate(EPOLL_CLOEXEC)));
        EventFd wakeOrNone = null;
        FileDescriptor timerOrNone = null;
        try {
            wakeOrNone = new EventFd();
            timerOrNone = new FileDescriptor(
                    Libc.check("timerfd_create", Libc.timerfdCreate(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)));
            watch(wakeOrNone.descriptor(), WAKE);
            watch(timerOrNone.value(), TIMER);
        } catch (ErrnoException e) {
            if (timerOrNone != null) timerOrNone.close();
            if (wakeOrNone != null) wakeOrNone.close();
            epoll.close();
            throw e;
        }
        wake = wakeOrNone;
        timerFd = timerOrNone;
        signals.add(null); // WAKE
        signals.add(null); // TIMER
        thread = new EventLoopThread(threadName, new Waiting());
        thread.start();
    }

    @Override
    public long nanoTime() {
        return thread.nanoTime();
    }

    @Override
    public boolean onLoopThread() {
        return thread.onLoopThread();
    }

    @Override
    public boolean ended() {
        return thread.ended();
    }

    @Override
    public void execute(Runnable task) {
        thread.execute(task);
    }

    @Override
    public Timer timer(Runnable action) {
        return thread.timer(action);
    }

    @Override
    public void pauseClock() {
        thread.pauseClock();
    }

    @Override
    public void resumeClock(ClockOnResume how) {
        thread.resumeClock(how);
    }

    @Override
    public void close() {
        thread.close();
    }

    @Override
    public synchronized EventFdSignal signal(Runnable action) {
        thread.refuseIfClosing();
        int slot = signals.subList(FIRST_SIGNAL, signals.size()).indexOf(null) + FIRST_SIGNAL;
        if (slot < FIRST_SIGNAL) slot = signals.size();
        LoopSignal signal = new LoopSignal(action, slot);
        try {
            watch(signal.eventFd.descriptor(), slot);
        } catch (ErrnoException e) {
            signal.eventFd.close();
            throw e;
        }
        if (slot == signals.size()) signals.add(signal);
        else signals.set(slot, signal);
        return signal;
    }

    /** A signal whose eventfd the kernel may raise itself: a doorbell. */
    public interface EventFdSignal extends dev.microvm.event.Signal {
        /** The eventfd, for as long as the signal is open. */
        EventFd eventFd();
    }

    private final class Waiting implements EventLoopThread.Body {
        @Override
        public void loop() {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment events = arena.allocate(MAX_EVENTS * EVENT_SIZE, Long.BYTES);
                MemorySegment scratch = arena.allocate(JAVA_LONG);
                while (true) {
                    thread.runTasks();
                    if (thread.isClosing()) return;
                    if (thread.hasTasks()) wake(); // what was queued meanwhile takes its turn after I/O
                    int n = Libc.epollWait(epoll.value(), events, MAX_EVENTS);
                    if (n < 0 && n != -Errno.EINTR) Libc.check("epoll_wait", n);
                    for (int i = 0; i < n; i++) {
                        dispatch((int) events.get(JAVA_LONG_UNALIGNED, i * EVENT_SIZE + EVENT_DATA), scratch);
                    }
                }
            }
        }

        @Override
        public void wake() {
            wake.signal();
        }

        @Override
        public void firstTimerChanged() {
            setTimerFd();
        }

        @Override
        public void free() {
            freeAll();
        }
    }

    private void dispatch(int slot, MemorySegment scratch) {
        switch (slot) {
            case WAKE -> wake.drain(scratch);
            case TIMER -> {
                Libc.read(timerFd.value(), scratch);
                thread.runTimers(); // one that arms itself for the past takes its next turn after I/O
                setTimerFd();
            }
            default -> {
                LoopSignal signal;
                synchronized (this) {
                    signal = thread.isClosing() ? null : signals.get(slot);
                }
                if (signal != null && signal.eventFd.drain(scratch)) EventLoopThread.run(signal.action);
            }
        }
    }

    /** Sets the timerfd to the first deadline. */
    private synchronized void setTimerFd() {
        if (thread.isClosing()) return; // the descriptor may be closed
        long untilFirst = thread.untilFirstTimer();
        // Zero would disarm it, so a deadline that has passed is one nanosecond away.
        long delay = untilFirst == EventLoopThread.FOREVER ? 0 : Math.max(1, untilFirst);
        itimerspec.set(JAVA_LONG, 16, delay / NANOS_PER_SECOND);
        itimerspec.set(JAVA_LONG, 24, delay % NANOS_PER_SECOND);
        Libc.check("timerfd_settime", Libc.timerfdSettime(timerFd.value(), 0, itimerspec));
    }

    private void watch(int fd, int slot) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment event = arena.allocate(EVENT_SIZE, Integer.BYTES);
            event.set(JAVA_INT, 0, EPOLLIN);
            event.set(JAVA_INT_UNALIGNED, EVENT_DATA, slot);
            Libc.check("epoll_ctl(ADD)", Libc.epollCtl(epoll.value(), EPOLL_CTL_ADD, fd, event));
        }
    }

    private synchronized void freeAll() {
        for (LoopSignal signal : signals) if (signal != null) signal.eventFd.close();
        signals.clear();
        timerFd.close();
        wake.close();
        epoll.close();
    }

    private final class LoopSignal implements EventFdSignal {
        private final Runnable action;
        private final EventFd eventFd = new EventFd();
        private final int slot;

        LoopSignal(Runnable action, int slot) {
            this.action = action;
            this.slot = slot;
        }

        @Override
        public void raise() {
            eventFd.signal();
        }

        @Override
        public EventFd eventFd() {
            return eventFd;
        }

        @Override
        public void close() {
            synchronized (EpollEventLoop.this) {
                if (thread.isClosing() || slot >= signals.size() || signals.get(slot) != this)
                    return; // closed, or the loop will
                Libc.epollCtl(epoll.value(), EPOLL_CTL_DEL, eventFd.descriptor(), MemorySegment.NULL);
                signals.set(slot, null);
            }
            eventFd.close();
        }
    }
}
