package dev.microvm.machine;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.clock.GuestClock;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.error.MicroVmException;
import dev.microvm.event.EventLoop;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.vcpu.StepEnd;
import dev.microvm.vcpu.VcpuThreads;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;

/**
 * Brings a machine to a stand and lets it go again. The order matters: while vCPUs run they give
 * devices work, and while devices work they want to know the time. For one thread at a time, none
 * of the machine's own.
 */
final class MachinePause {
    /** For the vCPUs, and for the event loop. */
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final MachinePlan plan;
    private final VirtualMachine vm;
    private final EventLoop loop;
    private final List<VirtioMmio> virtio;
    private final GuestTimeOfDay timeOfDay;
    private final VcpuThreads threads;
    private boolean paused;

    MachinePause(
            MachinePlan plan,
            VirtualMachine vm,
            EventLoop loop,
            List<VirtioMmio> virtio,
            GuestTimeOfDay timeOfDay,
            VcpuThreads threads) {
        this.plan = plan;
        this.vm = vm;
        this.loop = loop;
        this.virtio = List.copyOf(virtio);
        this.timeOfDay = timeOfDay;
        this.threads = threads;
    }

    boolean paused() {
        return paused;
    }

    /**
     * Stops everything; does nothing if it is.
     *
     * @throws MicroVmException if something does not stop in time; then everything runs again
     */
    void pause() {
        if (paused) return;
        threads.pause(LIMIT);
        try {
            virtio.forEach(VirtioMmio::pause);
            vm.pauseClock();
            timeOfDay.pause();
            awaitEventLoop();
            paused = true;
        } finally {
            if (!paused) run(ClockOnResume.CONTINUE);
        }
    }

    /**
     * Runs one instruction of one vCPU; all else stays as it is.
     *
     * @throws MicroVmException if it does not end in time
     */
    StepEnd step(int vcpu) {
        return threads.step(vcpu, LIMIT);
    }

    /** Lets everything run; does nothing if it does. */
    void resume(ClockOnResume clock) {
        if (!paused) return;
        paused = false;
        run(clock);
    }

    /** Undoes a pause, or as much of it as was done. */
    private void run(ClockOnResume clock) {
        timeOfDay.resume(clock);
        vm.resumeClock(clock);
        virtio.forEach(VirtioMmio::resume);
        threads.resume();
    }

    /** Waits for the action of a timer that was running when the clock was stopped. */
    private void awaitEventLoop() {
        if (plan.clock() instanceof GuestClock.Instructions) return; // it runs on the vCPU's thread
        try {
            CompletableFuture.runAsync(() -> {}, loop)
                    .orTimeout(LIMIT.toNanos(), TimeUnit.NANOSECONDS)
                    .join();
        } catch (CompletionException e) {
            throw new MicroVmException(
                    "machine %s does not pause within %s: its I/O thread is busy".formatted(plan.name(), LIMIT), e);
        }
    }
}
