package dev.microvm;

import dev.microvm.error.MicroVmException;
import dev.microvm.event.Timeouts;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Machines that are ready before they are wanted. It keeps some, makes others in the background when
 * one is taken, and never has more at once than it may. Each machine is used once: what is given back
 * is closed, and a new one takes its place.
 *
 * <pre>{@code
 * try (Fork moment = vm.fork();
 *         VmPool<MicroVm> pool = VmPool.of(moment::start, 4, 16)) {
 *     try (VmPool<MicroVm>.Lease lease = pool.take(Duration.ofSeconds(5))) {
 *         lease.get().console().type("...");
 *     }
 * }
 * }</pre>
 *
 * <p>Machines are made one after the other, so that those in use are disturbed little. If one cannot
 * be made, the next {@link #take} throws what was thrown, and the one after it tries again. Any thread
 * may call.
 *
 * @param <M> what is kept: machines, or what has one
 */
public final class VmPool<M extends AutoCloseable> implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(VmPool.class);

    private final Supplier<? extends M> maker;
    private final int ready;
    private final long limit; // of all sizes together
    private final ToLongFunction<? super M> size;
    private final Thread filler;

    // Guarded by this
    private final Deque<M> waiting = new ArrayDeque<>();
    private final List<Lease> leases = new ArrayList<>();
    private long used; // sizes of all machines that are not closed
    private long expected = 1; // size of the next one: that of the last
    private @Nullable RuntimeException failure; // of the last attempt
    private boolean closed;

    private VmPool(Supplier<? extends M> maker, int ready, long limit, ToLongFunction<? super M> size) {
        this.maker = maker;
        this.ready = ready;
        this.limit = limit;
        this.size = size;
        this.filler = Thread.ofPlatform().name("microvm-pool").daemon().unstarted(this::fill);
    }

    /**
     * Makes one, and begins to fill it.
     *
     * @param maker starts a machine; called on the pool's thread
     * @param ready how many wait, at least 1
     * @param limit how many there are at most, those that were taken included; each may use its
     *     whole RAM, so the host needs so much memory
     * @throws IllegalArgumentException if a number is out of range
     */
    public static <M extends AutoCloseable> VmPool<M> of(Supplier<? extends M> maker, int ready, int limit) {
        Objects.requireNonNull(maker, "maker");
        if (ready < 1 || limit < ready) {
            throw new IllegalArgumentException(
                    "ready and limit: at least 1, and no more ready than the limit, were %d and %d"
                            .formatted(ready, limit));
        }
        return started(new VmPool<M>(maker, ready, limit, any -> 1));
    }

    /**
     * Makes one with a limit on memory, and begins to fill it: as many machines as fit wait, if
     * {@code ready} do not.
     *
     * <pre>{@code
     * VmPool.of(moment::start, 4, 8L << 30, vm -> vm.spec().memory().bytes());
     * }</pre>
     *
     * @param maker starts a machine; called on the pool's thread. Each is taken to be as large as the
     *     one before
     * @param ready how many wait, at least 1
     * @param bytes how large all machines are together, those that were taken included
     * @param size says how large a machine is, such as its whole RAM, which it may come to use
     * @throws IllegalArgumentException if a number is out of range
     */
    public static <M extends AutoCloseable> VmPool<M> of(
            Supplier<? extends M> maker, int ready, long bytes, ToLongFunction<? super M> size) {
        Objects.requireNonNull(maker, "maker");
        Objects.requireNonNull(size, "size");
        if (ready < 1 || bytes < 1) {
            throw new IllegalArgumentException("ready and bytes: at least 1, were %d and %d".formatted(ready, bytes));
        }
        return started(new VmPool<M>(maker, ready, bytes, size));
    }

    private static <M extends AutoCloseable> VmPool<M> started(VmPool<M> pool) {
        pool.filler.start();
        return pool;
    }

    /** A machine that was taken. Closing it closes the machine. */
    public final class Lease implements AutoCloseable {
        private final M machine;
        private final long bytes;
        private boolean returned; // guarded by the pool

        private Lease(M machine) {
            this.machine = machine;
            this.bytes = size.applyAsLong(machine);
        }

        /** Returns the machine. */
        public M get() {
            return machine;
        }

        /** Closes the machine and lets the pool make another one. Closing again does nothing. */
        @Override
        public void close() {
            synchronized (VmPool.this) {
                if (returned) return;
                returned = true;
                leases.remove(this);
            }
            try {
                VmPool.close(machine);
            } finally {
                synchronized (VmPool.this) {
                    used -= bytes;
                    VmPool.this.notifyAll();
                }
            }
        }
    }

    /**
     * Takes a machine; waits until one is ready.
     *
     * @throws AwaitTimeoutException if none is within {@code timeout}, such as because all that may
     *     be are in use
     * @throws IllegalStateException if the pool is closed
     * @throws MicroVmException if the thread is interrupted
     * @throws RuntimeException what the maker has thrown
     */
    public synchronized Lease take(Duration timeout) {
        long deadline = System.nanoTime() + Timeouts.nanos("timeout", timeout);
        while (true) {
            if (closed) throw new IllegalStateException("the pool is closed");
            M machine = waiting.poll();
            if (machine != null) {
                Lease lease = new Lease(machine);
                leases.add(lease);
                notifyAll();
                return lease;
            }
            RuntimeException failed = failure;
            if (failed != null) {
                failure = null;
                notifyAll();
                throw failed;
            }
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                throw new AwaitTimeoutException(
                        "no machine of the pool was ready within %d ms; %d are in use, and the pool has %d of %d"
                                .formatted(timeout.toMillis(), leases.size(), used, limit));
            }
            try {
                TimeUnit.NANOSECONDS.timedWait(this, left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new MicroVmException("interrupted while waiting for a machine of the pool", e);
            }
        }
    }

    /** Returns how many machines wait. */
    public synchronized int ready() {
        return waiting.size();
    }

    /** Returns how many machines are in use. */
    public synchronized int inUse() {
        return leases.size();
    }

    private void fill() {
        while (awaitNeed()) {
            M made = null;
            RuntimeException failed = null;
            try {
                made = sized(maker.get());
            } catch (RuntimeException e) {
                log.warn("a machine of the pool cannot be made: {}", e.toString());
                failed = e;
            }
            if (!put(made, failed) && made != null) close(made);
        }
    }

    /** Refuses a machine that is larger than all may be. */
    private M sized(M machine) {
        long bytes = size.applyAsLong(machine);
        if (bytes >= 1 && bytes <= limit) return machine;
        close(machine);
        throw new IllegalStateException(
                "a machine of the pool has the size %d, and all together may have %d".formatted(bytes, limit));
    }

    /** Waits until a machine is to be made; returns whether, as the pool may be closed first. */
    private synchronized boolean awaitNeed() {
        boolean interrupted = false;
        while (!closed && (failure != null || waiting.size() >= ready || used + expected > limit)) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true; // nobody has a reason to: only close ends this thread
            }
        }
        if (interrupted) Thread.currentThread().interrupt();
        return !closed;
    }

    /** Returns whether the pool has the machine now. */
    private synchronized boolean put(@Nullable M made, @Nullable RuntimeException failed) {
        failure = failed;
        boolean kept = made != null && !closed;
        if (kept) {
            M machine = Objects.requireNonNull(made);
            waiting.add(machine);
            expected = size.applyAsLong(machine);
            used += expected;
        }
        notifyAll();
        return kept;
    }

    private static void close(AutoCloseable machine) {
        try {
            machine.close();
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new MicroVmException("a machine of the pool cannot be closed: " + e.getMessage(), e);
        }
    }

    /** Closes all machines, those in use too, and waits for one that is being made. */
    @Override
    public void close() {
        List<AutoCloseable> all = new ArrayList<>();
        synchronized (this) {
            closed = true;
            all.addAll(waiting);
            all.addAll(leases);
            waiting.clear();
            notifyAll();
        }
        RuntimeException first = null;
        for (AutoCloseable each : all) {
            try {
                close(each);
            } catch (RuntimeException e) { // the others are closed all the same
                if (first == null) first = e;
                else first.addSuppressed(e);
            }
        }
        awaitFiller();
        if (first != null) throw first;
    }

    private void awaitFiller() {
        boolean interrupted = false;
        while (filler.isAlive()) {
            try {
                filler.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) Thread.currentThread().interrupt();
    }
}
