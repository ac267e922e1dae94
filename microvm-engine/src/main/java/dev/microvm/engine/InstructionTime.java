package dev.microvm.engine;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.clock.GuestClock;
import dev.microvm.engine.cpu.InstructionCounter;
import dev.microvm.event.EventLoop;
import dev.microvm.event.Signal;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The time of a machine that {@linkplain GuestClock#instructions counts instructions}, and the loop
 * for all that is to happen at a time. It has no thread: timers and tasks run on the vCPU's,
 * between two instructions, so that each comes at the same instruction in each run. Where the vCPU
 * waits, time skips to the next timer.
 *
 * <p>What other threads ask for is input from outside: it comes between two instructions too, but
 * at which is theirs.
 */
final class InstructionTime implements EventLoop {
    private static final Logger log = LoggerFactory.getLogger(InstructionTime.class);

    private final GuestClock.Instructions clock;
    private final InstructionCounter counter = new InstructionCounter(this::runDue);
    private volatile long skipped; // nanoseconds in which nothing was executed; the vCPU's thread writes
    private volatile @Nullable Thread waiting;

    // Guarded by this
    private final Queue<Runnable> tasks = new ArrayDeque<>();
    private final PriorityQueue<Armed> timers = new PriorityQueue<>();
    private long armings;
    private volatile boolean closed;

    InstructionTime(GuestClock.Instructions clock) {
        this.clock = clock;
    }

    InstructionCounter counter() {
        return counter;
    }

    /** Nanoseconds since the machine was made. */
    @Override
    public long nanoTime() {
        return skipped + counter.executed() * clock.nanosPerInstruction();
    }

    /** The time of day. */
    Instant timeOfDay() {
        return clock.start().plusNanos(nanoTime());
    }

    /**
     * Lets the vCPU wait, on its thread: until the next timer, which comes at once, or where there
     * is none for {@link LockSupport#unpark}.
     */
    void await() {
        boolean next;
        synchronized (this) {
            Armed first = timers.peek();
            next = first != null || !tasks.isEmpty();
            if (first != null && tasks.isEmpty()) skipped += Math.max(0, first.deadline - nanoTime());
            if (!next) waiting = Thread.currentThread();
        }
        if (next) {
            runDue();
        } else {
            LockSupport.park(this);
            waiting = null;
        }
    }

    /**
     * Runs the tasks there are and the timers that are due; what they add in turn comes at the next
     * instruction.
     */
    private void runDue() {
        int left;
        synchronized (this) {
            left = tasks.size() + timers.size();
        }
        for (; left > 0; left--) {
            Runnable next = takeDue();
            if (next == null) break;
            try {
                next.run();
            } catch (RuntimeException e) {
                log.error("a task or timer of the machine failed", e);
            }
        }
        updateLimit();
    }

    private synchronized @Nullable Runnable takeDue() {
        Runnable task = tasks.poll();
        if (task != null) return task;
        Armed first = timers.peek();
        if (first == null || first.deadline - nanoTime() > 0) return null;
        timers.remove();
        first.queued = false;
        return first.action;
    }

    private synchronized void updateLimit() {
        Armed first = timers.peek();
        if (!tasks.isEmpty()) {
            counter.limit(0);
        } else if (first == null) {
            counter.limit(Long.MAX_VALUE);
        } else {
            long wait = Math.max(0, first.deadline - nanoTime());
            counter.limit(counter.executed() + Math.ceilDiv(wait, clock.nanosPerInstruction()));
        }
        LockSupport.unpark(waiting);
    }

    @Override
    public Timer timer(Runnable action) {
        return new Armed(action);
    }

    @Override
    public synchronized void execute(Runnable task) {
        if (closed) return;
        tasks.add(task);
        updateLimit();
    }

    @Override
    public Signal signal(Runnable action) {
        AtomicBoolean raised = new AtomicBoolean();
        AtomicBoolean open = new AtomicBoolean(true);
        Runnable task = () -> {
            raised.set(false);
            if (open.get()) action.run();
        };
        return new Signal() {
            @Override
            public void raise() {
                if (raised.compareAndSet(false, true)) execute(task);
            }

            @Override
            public void close() {
                open.set(false);
            }
        };
    }

    /** Whether the caller is a vCPU's thread, which is the loop's too. */
    @Override
    public boolean onLoopThread() {
        return EngineVcpu.current() != null;
    }

    /** Does nothing: the clock stands by itself when no vCPU runs. */
    @Override
    public void pauseClock() {}

    /**
     * Does nothing, whatever is wanted: no instruction was executed, so there is no time to catch
     * up with.
     */
    @Override
    public void resumeClock(ClockOnResume how) {}

    /** As there is no thread, nothing runs when no vCPU does. */
    @Override
    public boolean ended() {
        return closed;
    }

    @Override
    public synchronized void close() {
        closed = true;
        tasks.clear();
        timers.clear();
    }

    private final class Armed implements Timer, Comparable<Armed> {
        private final Runnable action;
        private long deadline;
        private long order; // among those of one deadline
        private boolean queued;

        Armed(Runnable action) {
            this.action = action;
        }

        @Override
        public void armAt(long newDeadline) {
            synchronized (InstructionTime.this) {
                if (closed) return;
                if (queued) timers.remove(this);
                deadline = newDeadline;
                order = armings++;
                timers.add(this);
                queued = true;
                updateLimit();
            }
        }

        @Override
        public void cancel() {
            synchronized (InstructionTime.this) {
                if (!queued) return;
                timers.remove(this);
                queued = false;
                updateLimit();
            }
        }

        @Override
        public int compareTo(Armed other) {
            return deadline == other.deadline
                    ? Long.compare(order, other.order)
                    : Long.compare(deadline, other.deadline);
        }
    }
}
