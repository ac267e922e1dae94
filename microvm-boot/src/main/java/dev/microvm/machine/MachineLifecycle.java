package dev.microvm.machine;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.clock.GuestClock;
import dev.microvm.console.ConsoleBuffer;
import dev.microvm.console.ConsoleInput;
import dev.microvm.console.PatientOutput;
import dev.microvm.devices.legacy.Uart16550;
import dev.microvm.error.GuestNoise;
import dev.microvm.error.MicroVmException;
import dev.microvm.event.ThreadEnd;
import dev.microvm.model.ExitReport;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.ResetAction;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The machine through all its runs: one, or with {@link ResetAction#RESTART} one more after each
 * reset. A run's {@link Machine} is closed and a new one made, so that nothing is left of the last
 * run; console and report stay.
 *
 * <p>Any thread may call. Nothing here refers to the {@code MicroVm}, so that a forgotten one can
 * be collected.
 */
public final class MachineLifecycle implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(MachineLifecycle.class);

    /**
     * A guest that resets itself at once and for ever must not keep the host busy with new
     * machines.
     */
    private static final Duration SHORTEST_RUN = Duration.ofMillis(100);

    private static final Duration RESTARTER_LIMIT = Duration.ofSeconds(10);

    /** How long the report waits for host ends that hear of the end. */
    private static final Duration HOST_END_LIMIT = Duration.ofMillis(500);

    /** Made beforehand, for when there is no memory to make one. */
    private static final ExitReport LAST_RESORT = new ExitReport(
            Reason.FAILED, OptionalInt.empty(), "the JVM could not make a report: out of memory?", Duration.ZERO);

    private final MachinePlan config;
    private final ConsoleBuffer consoleBuffer;
    private final Uart16550.Output output;
    private final ConsoleInput consoleInput;
    private final List<Runnable> endActions = new CopyOnWriteArrayList<>();
    private final List<Runnable> restartActions = new CopyOnWriteArrayList<>();
    private final AtomicBoolean over = new AtomicBoolean(); // set once, by who completes the report
    private final CompletableFuture<ExitReport> report = new CompletableFuture<>();
    private final CallbackThreads callbacks;
    private final HostEnds hostEnds;
    private final RestartCount restartCount; // for the thread that finds the end of a run
    private final GuestNoise restartNoise = new GuestNoise();
    private volatile long firstStart = System.nanoTime();

    private volatile @Nullable Machine machine; // changed under the lock of this
    private volatile @Nullable Thread restarter; // the last one, which starts a machine again
    private volatile int restarts; // changed under the lock of this
    private volatile boolean paused; // changed under the lock of this
    private long pauses; // how often it was paused; guarded by this
    private volatile int cpuShare; // in percent; of this run and the next ones
    private volatile long consoleAtStart; // of the last run, a position
    private long lastStart; // guarded by this
    private @Nullable BudgetShares budgets; // of the JVM, until everything is freed; guarded by this

    public MachineLifecycle(MachinePlan config, ConsoleBuffer consoleBuffer, ConsoleInput consoleInput) {
        this.config = config;
        this.consoleBuffer = consoleBuffer;
        this.consoleInput = consoleInput;
        this.callbacks = new CallbackThreads(config.name());
        this.hostEnds = new HostEnds(config.name(), config.hostEnds(), callbacks);
        this.cpuShare = config.spec().cpus().share();
        this.restartCount = new RestartCount(config.restartLimit());
        this.output = config.clock() instanceof GuestClock.Host ? consoleBuffer : new PatientOutput(consoleBuffer);
    }

    /**
     * Makes the first machine and lets it run.
     *
     * @param startPaused whether it waits for {@link #resume} before its first instruction
     * @param ready runs when nothing can fail any more, before the guest runs; what it throws ends
     *     the start
     * @throws MicroVmException if the budgets of the JVM have no room for it
     * @throws CancellationException if {@link #stop} or {@link #close} came first, or while the
     *     guest was loaded
     * @throws RuntimeException as {@link PcMachine}'s constructor
     */
    public synchronized void start(boolean startPaused, Runnable ready) {
        if (over.get()) throw new CancellationException("machine %s was ended first".formatted(config.name()));
        budgets = new BudgetShares(config);
        hostEnds.open();
        Machine made = make();
        connect(made);
        if (startPaused) {
            made.pause();
            paused = true;
            pauses++;
        }
        ready.run();
        firstStart = System.nanoTime();
        run(made);
    }

    private Machine make() {
        return new PcMachine(config, output, new GuestEnd(config.name(), consoleBuffer, this::runEnded), over::get);
    }

    /**
     * Adds what to do when there will be no more run, on the thread that finds out; it must return
     * at once.
     */
    public void onEnd(Runnable action) {
        endActions.add(action);
    }

    /** Adds what to do each time the guest starts again, on a thread of its own. */
    public void onRestart(Runnable action) {
        restartActions.add(action);
    }

    /** The caller holds the lock. */
    private void connect(Machine made) {
        machine = made;
        made.cpuShare(cpuShare);
        if (!config.consoleIsVirtio()) {
            consoleBuffer.onRoom(output instanceof PatientOutput patient ? patient::roomAgain : made::outputReady);
            made.connect(consoleInput);
        }
    }

    /** The caller holds the lock. */
    private void run(Machine made) {
        consoleAtStart = consoleBuffer.position();
        lastStart = System.nanoTime();
        if (over.get()) return; // stop() came before it could see this machine
        made.start();
        if (!paused) made.resume(ClockOnResume.CONTINUE); // one that continues a saved machine is made paused
    }

    /** On the thread that found out, often a vCPU's. */
    private void runEnded(Reason reason, OptionalInt exitCode, String detail) {
        if (!startsAgain(reason)) {
            finish(reason, exitCode, detail);
            return;
        }
        if (!restartCount.admits(System.nanoTime())) {
            finish(reason, exitCode, detail + "; not started again: restartLimit is " + config.restartLimit());
            return;
        }
        try {
            Thread thread = Thread.ofPlatform()
                    .name("microvm-" + config.name() + "-restart")
                    .daemon()
                    .unstarted(() -> restart(reason, detail));
            restarter = thread;
            thread.start();
        } catch (OutOfMemoryError e) { // also where the host gives no more threads
            finish(Reason.FAILED, OptionalInt.empty(), "no thread to start again with: " + e.getMessage());
        }
    }

    private boolean startsAgain(Reason reason) {
        return config.onReset() == ResetAction.RESTART
                && switch (reason) {
                    case RESET, TRIPLE_FAULT, PANIC -> true;
                    case POWER_OFF, EXIT_PORT, HALTED, GUEST_ERROR, STOPPED, FAILED -> false;
                };
    }

    private synchronized void restart(Reason reason, String detail) {
        try {
            awaitShortestRun();
            awaitResume();
            Machine last = machine;
            if (over.get() || last == null) return;
            long times = restartNoise.count();
            if (times > 0)
                log.info("machine {} starts again, time {}, after {}: {}", config.name(), times, reason, detail);
            last.close();
            restarts++;
            Machine next = make();
            connect(next);
            run(next);
            restartActions.forEach(callbacks::execute);
        } catch (CancellationException e) {
            log.debug("machine {} was ended before it started again", config.name());
        } catch (RuntimeException | Error e) {
            log.error("machine {} does not start again", config.name(), e);
            finish(Reason.FAILED, OptionalInt.empty(), "it does not start again after a reset: " + e.getMessage());
        } catch (InterruptedException e) {
            finish(Reason.STOPPED, OptionalInt.empty(), "interrupted between two runs");
        }
    }

    /** Gives the lock away while it waits. */
    private synchronized void awaitShortestRun() throws InterruptedException {
        long end = lastStart + SHORTEST_RUN.toNanos();
        for (long left = end - System.nanoTime(); left > 0 && !over.get(); left = end - System.nanoTime()) {
            TimeUnit.NANOSECONDS.timedWait(this, left);
        }
    }

    /**
     * A guest that was paused just after it had reset itself starts again when it is resumed. Gives
     * the lock away while it waits; {@link #resume} and {@link #close} end that.
     */
    private synchronized void awaitResume() throws InterruptedException {
        while (paused && !over.get()) wait();
    }

    /**
     * Pauses the guest, in whichever run it is; between two runs, the next one waits. Does nothing
     * if it is paused.
     *
     * @return the number of the pause, for {@link #whilePaused}
     * @throws RuntimeException as {@link Machine#pause}
     * @throws IllegalStateException if the machine was not started or has ended
     */
    public long pause() {
        refuseOwnThread("pause");
        synchronized (this) {
            Machine running = requireRunning("pause");
            if (paused) return pauses;
            running.pause();
            paused = true;
            return ++pauses;
        }
    }

    /**
     * Looks at the guest during one pause; a resume and the release of the machine wait until
     * {@code look} returns.
     *
     * @param pause its number
     * @throws IllegalStateException if that pause is over, or the machine has ended
     */
    public synchronized <T> T whilePaused(long pause, Function<GuestView, T> look) {
        Machine running = requireRunning("look into");
        if (!paused || pause != pauses) {
            throw new IllegalStateException(
                    "machine %s is not paused any more: pause it again".formatted(config.name()));
        }
        return look.apply(running.view());
    }

    /**
     * Lets a paused guest continue; does nothing if it is not paused.
     *
     * @throws IllegalStateException if the machine was not started or has ended
     */
    public void resume(ClockOnResume clock) {
        refuseOwnThread("resume");
        synchronized (this) {
            Machine running = requireRunning("resume");
            if (!paused) return;
            running.resume(clock);
            paused = false;
            notifyAll();
        }
    }

    /**
     * Does something with the machine while its guest is paused, in whichever run it is. The guest
     * then continues, unless it was paused before.
     *
     * @throws RuntimeException as {@link Machine#pause}, or as {@code action}
     * @throws IllegalStateException if the machine was not started or has ended
     */
    public <T> T whilePaused(String what, Function<Machine, T> action) {
        refuseOwnThread(what);
        synchronized (this) {
            Machine running = requireRunning(what);
            if (paused) return action.apply(running);
            running.pause();
            try {
                return action.apply(running);
            } finally {
                running.resume(ClockOnResume.CONTINUE);
            }
        }
    }

    /** Before the lock is taken, which another thread may have while it waits for this one. */
    private void refuseOwnThread(String what) {
        if (ownsCurrentThread()) {
            throw new IllegalStateException(
                    "a device of machine %s cannot %s it: use a thread of your own".formatted(config.name(), what));
        }
    }

    /** Whether the caller is a thread for which a release or a pause would wait. */
    public boolean ownsCurrentThread() {
        Machine running = machine;
        return Thread.currentThread().equals(restarter) || (running != null && running.ownsCurrentThread());
    }

    /** Whether the guest is paused; one that has ended meanwhile still is. */
    public boolean paused() {
        return paused;
    }

    private Machine requireRunning(String what) {
        Machine running = machine;
        if (running == null) throw new IllegalStateException("machine " + config.name() + " was not started");
        if (over.get()) {
            ExitReport ended = report.join(); // at once: whoever set over completes it
            throw new IllegalStateException(
                    "cannot %s machine %s, which has ended: %s".formatted(what, config.name(), ended.reason()));
        }
        return running;
    }

    /** Whatever fails on the way, an OutOfMemoryError too, the report is completed. */
    private void finish(Reason reason, OptionalInt exitCode, String detail) {
        if (!over.compareAndSet(false, true)) return;
        ExitReport ended = LAST_RESORT;
        try {
            ended = new ExitReport(reason, exitCode, detail, Duration.ofNanos(System.nanoTime() - firstStart));
            Resources ends = new Resources(); // each, even if one before it fails; the console first
            endActions.reversed().forEach(action -> ends.add(action::run));
            ends.add(consoleInput::end);
            ends.add(consoleBuffer::end);
            ends.close();
        } finally {
            complete(ended);
        }
        log.info("machine {} ended: {}", config.name(), reason);
    }

    /** Completes the report when the host ends know, or when they take too long. */
    private void complete(ExitReport ended) {
        try {
            if (!hostEnds.isEmpty()) {
                report.completeOnTimeout(ended, HOST_END_LIMIT.toNanos(), TimeUnit.NANOSECONDS);
            }
            hostEnds.end(() -> report.complete(ended));
        } catch (RuntimeException | Error e) {
            report.complete(ended);
            throw e;
        }
    }

    /** How the last run ended; complete when there will be no more. */
    public CompletableFuture<ExitReport> report() {
        return report;
    }

    /**
     * Returns a stage that completes after the report, on a thread of its own: whatever follows it
     * may block, fail, or close the machine.
     */
    public CompletionStage<ExitReport> onExit() {
        return report.thenApplyAsync(Function.identity(), callbacks).minimalCompletionStage();
    }

    /** Whether the guest has halted for good and stays so. */
    public boolean hasHalted() {
        Machine running = machine;
        return running != null && running.hasHalted();
    }

    /**
     * Says, for the end of a message, why a guest that runs may never end; empty if nothing is known.
     */
    public String whyItMayNeverEnd() {
        if (hasHalted()) return "; all its vCPUs have halted for good";
        return consoleBuffer.lineWith(GuestEnd.KERNEL_PANIC, consoleAtStart) == null
                ? ""
                : "; its kernel has reported a panic: with panic=-1 on its command line that ends the machine";
    }

    /** Returns how much of a host CPU each vCPU may use, in percent. */
    public int cpuShare() {
        return cpuShare;
    }

    /** Sets how much of a host CPU each vCPU may use, in percent, now and in later runs. */
    public synchronized void cpuShare(int percent) {
        cpuShare = percent;
        if (machine != null) machine.cpuShare(percent);
    }

    /** How often it started again. */
    public int restarts() {
        return restarts;
    }

    /** The machine of this run; null before the first. */
    @Nullable
    public Machine machine() {
        return machine;
    }

    /**
     * Resets the guest, in whichever run it is.
     *
     * @throws IllegalStateException if the machine was not started or has ended
     */
    public void reset() {
        requireRunning("reset").reset();
    }

    /** Ends the guest, in whichever run it is, as the host's will. */
    public void stop() {
        finish(Reason.STOPPED, OptionalInt.empty(), ""); // from here on there is no next run
        Machine running = machine;
        if (running != null) running.stop();
    }

    /** Stops and frees everything; bounded in time. */
    @Override
    public void close() {
        stop();
        synchronized (this) {
            notifyAll(); // the restarter, if it waits
            Machine last = machine;
            if (last != null) last.close();
            if (budgets != null && (last == null || last.isFreed())) budgets.close();
        }
        awaitRestarter();
        closeHostEnds();
    }

    /** Frees what a machine that was never started has. */
    public void closeHostEnds() {
        hostEnds.close();
    }

    /** It is on its way out: there will be no more run. */
    private void awaitRestarter() {
        Thread thread = restarter;
        if (thread == null || thread.equals(Thread.currentThread())) return;
        if (!ThreadEnd.await(thread, RESTARTER_LIMIT)) log.error("{} does not end", thread.getName());
    }
}
