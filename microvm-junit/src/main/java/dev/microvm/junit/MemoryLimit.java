package dev.microvm.junit;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes guests wait for the end of others while the memory of all would exceed a limit. Any thread
 * may call.
 *
 * <p>Nobody waits for something that may itself wait. Guests of a test wait for other tests only,
 * because those end. Guests of a class wait for other classes and tests. Whoever has guests already
 * gets further ones at once: the same test, a class inside of such a class, and a thread in whose
 * call stack another class or test is waiting for its end, as in a ForkJoinPool. So the limit is
 * exceeded rather than that a run stands still; a guest that alone is larger runs alone.
 */
final class MemoryLimit {
    private final long limitMiB;
    private final List<Reservation> held = new ArrayList<>(); // guarded by this

    /** How long guests live. */
    enum Life {
        TEST,
        CLASS
    }

    /** Memory that is taken until it is closed. */
    final class Reservation implements AutoCloseable {
        private final long mib;
        private final Life life;
        private final Thread thread = Thread.currentThread();

        private Reservation(long mib, Life life) {
            this.mib = mib;
            this.life = life;
        }

        @Override
        public void close() {
            release(this);
        }
    }

    MemoryLimit(long limitMiB) {
        this.limitMiB = limitMiB;
    }

    /** Half of the memory that the host, or the container, has. */
    static long defaultMiB() {
        OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        return (system.getTotalMemorySize() >> 20) / 2;
    }

    /**
     * Takes memory, when there is enough.
     *
     * @param hasSome whether it is for a test or class that has guests already
     */
    synchronized Reservation reserve(long mib, Life life, boolean hasSome) throws InterruptedException {
        while (!hasSome && mustWait(mib, life)) wait();
        Reservation taken = new Reservation(mib, life);
        held.add(taken);
        return taken;
    }

    private boolean mustWait(long mib, Life life) {
        long used = 0;
        boolean someEnd = false; // without waiting for this one
        for (Reservation each : held) {
            if (each.thread.equals(Thread.currentThread())) return false;
            used += each.mib;
            someEnd |= life == Life.CLASS || each.life == Life.TEST;
        }
        return someEnd && used + mib > limitMiB;
    }

    private synchronized void release(Reservation reservation) {
        held.remove(reservation);
        notifyAll();
    }
}
