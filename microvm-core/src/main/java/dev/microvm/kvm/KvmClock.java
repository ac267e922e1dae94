package dev.microvm.kvm;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.kvm.generated.kvm_clock_data;
import dev.microvm.linux.FileDescriptor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The time of a machine. KVM runs all of it by the host's time and cannot stop it; so a pause notes
 * what each clock and timer shows, and its end sets them to that. The paravirtual clock is here
 * (KVM_GET_CLOCK and KVM_SET_CLOCK, api.rst 4.30 and 4.31), what each vCPU has is {@link
 * KvmVcpuClock}'s.
 */
final class KvmClock {
    private final FileDescriptor vm;
    private final boolean adjustable;

    // Guarded by this
    private boolean paused;
    private long nanosAtPause;

    KvmClock(FileDescriptor vm) {
        this.vm = vm;
        adjustable = KvmCapability.ADJUST_CLOCK.check(vm) != 0;
    }

    synchronized boolean isPaused() {
        return paused;
    }

    /** What the paravirtual clock shows, in nanoseconds. */
    synchronized long nanos() {
        return paused ? nanosAtPause : read();
    }

    /** Sets the paravirtual clock, in nanoseconds. */
    synchronized void nanos(long nanos) {
        if (paused) nanosAtPause = nanos;
        write(nanos);
    }

    /** Notes the time; does nothing if it is paused. */
    synchronized void pause(List<KvmVcpu> vcpus, @Nullable KvmPit pit) {
        if (paused) return;
        paused = true; // first: a resume undoes what was done before something failed
        if (adjustable) nanosAtPause = read();
        long host = vcpus.isEmpty() ? 0 : vcpus.getFirst().clock().counter().host();
        for (KvmVcpu vcpu : vcpus) vcpu.clock().pause(host);
        if (pit != null) pit.pause();
    }

    /**
     * Ends a pause; does nothing if there is none.
     *
     * @param withoutInterrupts runs what it is given while no interrupt reaches a local APIC
     */
    synchronized void resume(
            List<KvmVcpu> vcpus, @Nullable KvmPit pit, ClockOnResume how, Consumer<Runnable> withoutInterrupts) {
        if (!paused) return;
        if (how == ClockOnResume.CONTINUE) {
            long host = vcpus.isEmpty() ? 0 : vcpus.getFirst().clock().counter().host();
            for (KvmVcpu vcpu : vcpus) vcpu.clock().continueCounter(host);
            if (adjustable) write(nanosAtPause); // after the counters, by which the guest reads it
            continueTimers(vcpus, host, withoutInterrupts);
            if (pit != null) pit.restart();
        }
        for (KvmVcpu vcpu : vcpus) vcpu.clock().resume();
        paused = false;
    }

    private static void continueTimers(List<KvmVcpu> vcpus, long host, Consumer<Runnable> withoutInterrupts) {
        Runnable action = () -> vcpus.forEach(vcpu -> vcpu.clock().continueTimer(host));
        if (vcpus.stream().anyMatch(vcpu -> vcpu.clock().setsLapic())) withoutInterrupts.accept(action);
        else action.run();
    }

    private long read() {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment clock = kvm_clock_data.allocate(call);
            KvmRequest.GET_CLOCK.call(vm, clock);
            return kvm_clock_data.clock(clock);
        }
    }

    private void write(long nanos) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment clock = kvm_clock_data.allocate(call);
            kvm_clock_data.clock(clock, nanos);
            KvmRequest.SET_CLOCK.call(vm, clock);
        }
    }
}
