package dev.microvm.kvm;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.kvm.generated.kvm_clock_data;
import dev.microvm.linux.FileDescriptor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** The paravirtual clock of a machine: KVM_GET_CLOCK and KVM_SET_CLOCK, api.rst 4.30 and 4.31, and its pauses. */
final class KvmClock {
    private final FileDescriptor vm;
    private final boolean adjustable;

    // Guarded by this
    private boolean paused;
    private long pausedAt; // what the clock shows while it is paused

    KvmClock(FileDescriptor vm) {
        this.vm = vm;
        adjustable = KvmCapability.ADJUST_CLOCK.check(vm) != 0;
    }

    synchronized boolean isPaused() {
        return paused;
    }

    /** What the clock shows, in nanoseconds. */
    synchronized long nanos() {
        return paused ? pausedAt : read();
    }

    /** Sets the clock, in nanoseconds. */
    synchronized void nanos(long nanos) {
        if (paused) pausedAt = nanos;
        write(nanos);
    }

    synchronized void pause(List<KvmVcpu> vcpus) {
        if (paused) return;
        if (adjustable) pausedAt = read();
        paused = true;
    }

    synchronized void resume(List<KvmVcpu> vcpus, ClockOnResume how) {
        if (!paused) return;
        paused = false;
        if (adjustable && how == ClockOnResume.CONTINUE) write(pausedAt);
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
