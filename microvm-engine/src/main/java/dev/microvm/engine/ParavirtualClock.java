package dev.microvm.engine;

import static dev.microvm.hypervisor.MsrNumbers.MSR_KVM_SYSTEM_TIME;
import static dev.microvm.hypervisor.MsrNumbers.MSR_KVM_SYSTEM_TIME_NEW;
import static dev.microvm.hypervisor.MsrNumbers.MSR_KVM_WALL_CLOCK;
import static dev.microvm.hypervisor.MsrNumbers.MSR_KVM_WALL_CLOCK_NEW;

import dev.microvm.engine.cpu.Mmu;
import java.lang.invoke.VarHandle;
import java.time.Instant;

/**
 * KVM's paravirtual clock of one vCPU: a page of guest memory from which the guest computes the
 * time by its time-stamp counter.
 *
 * <p>Both are made of the same clock of the host, so what is written once holds until the
 * guest sets its counter. The address is the guest's choice: where there is no memory that it may
 * write, nothing is written.
 *
 * <p>Source: Linux Documentation/virt/kvm/x86/msr.rst, and cpuid.rst for what announces it.
 */
final class ParavirtualClock {
    private static final long ENABLE = 1;

    // struct pvclock_vcpu_time_info
    private static final int VERSION = 0;
    private static final int TSC_TIMESTAMP = 8;
    private static final int SYSTEM_TIME = 16;
    private static final int TSC_TO_SYSTEM_MULTIPLIER = 24;
    private static final int SHIFT_AND_FLAGS = 28;
    private static final int TIME_INFO_SIZE = 32;

    // struct pvclock_wall_clock
    private static final int SECONDS = 4;
    private static final int NANOSECONDS = 8;
    private static final int WALL_CLOCK_SIZE = 12;

    private static final int TSC_STABLE = 1 << 0; // the clocks of all vCPUs are one
    private static final int GUEST_STOPPED = 1 << 1; // the guest clears it when it has seen it
    private static final int SHIFT_MASK = 0xFF;
    private static final int FLAGS_BIT = 8; // of the word that begins with the shift

    private final EngineVirtualMachine machine;
    private final EnginePlatform platform;
    private final Mmu mmu;
    private long systemTime; // MSR
    private long wallClock; // MSR
    private volatile boolean outdated;
    private volatile boolean stopped; // since the page was written

    ParavirtualClock(EngineVirtualMachine machine, EnginePlatform platform, Mmu mmu) {
        this.machine = machine;
        this.platform = platform;
        this.mmu = mmu;
    }

    static boolean isMsr(int index) {
        return switch (index) {
            case MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW -> true;
            default -> false;
        };
    }

    private static boolean isSystemTime(int index) {
        return index == MSR_KVM_SYSTEM_TIME || index == MSR_KVM_SYSTEM_TIME_NEW;
    }

    long readMsr(int index) {
        return isSystemTime(index) ? systemTime : wallClock;
    }

    /** WRMSR: the guest finds its answer in memory at once. */
    void writeMsr(int index, long value) {
        if (isSystemTime(index)) {
            systemTime = value;
            update();
        } else {
            wallClock = value;
            writeWallClock();
        }
    }

    /**
     * Puts an MSR back; memory may be put back later, so the page is written when the vCPU runs. With
     * an instruction clock the page that memory has stays right.
     */
    void restoreMsr(int index, long value) {
        if (isSystemTime(index)) {
            systemTime = value;
            outdate();
        } else {
            wallClock = value; // what it led to is in the guest's memory
        }
    }

    /**
     * The machine's clock was set: the page is to be written before the guest reads it again. Any
     * thread may call. Does nothing with an instruction clock, which nothing but instructions moves:
     * a guest that was saved must find what it had found.
     */
    void outdate() {
        if (machine.instructionTime() == null) outdated = true;
    }

    /**
     * The guest did not run for a time that its watchdogs must not count: the page is to say so.
     * Any thread may call. Does nothing with an instruction clock, which stood still.
     */
    void tellStopped() {
        if (machine.instructionTime() != null) return;
        stopped = true;
        outdated = true;
    }

    /** Writes the page if something has changed since. */
    void updateIfOutdated() {
        if (outdated) update();
    }

    /**
     * Writes the page, if there is one: with an odd version meanwhile, so that the guest's readers
     * try again.
     */
    void update() {
        outdated = false;
        long at = systemTime & ~ENABLE;
        if ((systemTime & ENABLE) == 0 || !usable(at, TIME_INFO_SIZE)) return;
        long now = machine.timers().nanoTime();
        int version = beginWriting(at);
        write64(at + TSC_TIMESTAMP, platform.timeStampAt(now));
        write64(at + SYSTEM_TIME, machine.clockAt(now));
        mmu.write32(at + TSC_TO_SYSTEM_MULTIPLIER, platform.tsc().multiplier());
        mmu.write32(at + SHIFT_AND_FLAGS, (platform.tsc().shift() & SHIFT_MASK) | flags() << FLAGS_BIT);
        endWriting(at, version);
    }

    private int flags() {
        int flags = (machine.countersAgree() ? TSC_STABLE : 0) | (stopped ? GUEST_STOPPED : 0);
        stopped = false;
        return flags;
    }

    /** Writes the time of day at which the system time was 0: once, when asked. */
    private void writeWallClock() {
        if (!usable(wallClock, WALL_CLOCK_SIZE)) return;
        Instant start =
                machine.wallClock().minusNanos(machine.clockAt(machine.timers().nanoTime()));
        int version = beginWriting(wallClock);
        mmu.write32(wallClock + SECONDS, (int) start.getEpochSecond());
        mmu.write32(wallClock + NANOSECONDS, start.getNano());
        endWriting(wallClock, version);
    }

    private boolean usable(long at, int size) {
        return at % Integer.BYTES == 0 && mmu.isWritable(at) && mmu.isWritable(at + size - 1);
    }

    private int beginWriting(long at) {
        int odd = (mmu.read32(at + VERSION) + 1) | 1;
        mmu.write32(at + VERSION, odd);
        VarHandle.storeStoreFence();
        return odd;
    }

    private void endWriting(long at, int odd) {
        VarHandle.storeStoreFence();
        mmu.write32(at + VERSION, odd + 1);
    }

    private void write64(long at, long value) {
        mmu.write32(at, (int) value);
        mmu.write32(at + Integer.BYTES, (int) (value >>> Integer.SIZE));
    }
}
