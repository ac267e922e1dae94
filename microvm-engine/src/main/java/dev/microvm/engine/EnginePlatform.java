package dev.microvm.engine;

import static dev.microvm.hypervisor.MsrNumbers.IA32_TIME_STAMP_COUNTER;
import static dev.microvm.hypervisor.MsrNumbers.IA32_TSC_ADJUST;
import static dev.microvm.hypervisor.MsrNumbers.IA32_TSC_DEADLINE;
import static dev.microvm.hypervisor.MsrNumbers.MSR_KVM_SYSTEM_TIME_NEW;
import static dev.microvm.hypervisor.MsrNumbers.MSR_KVM_WALL_CLOCK_NEW;

import dev.microvm.engine.apic.ApicMode;
import dev.microvm.engine.apic.LocalApic;
import dev.microvm.engine.cpu.Platform;
import dev.microvm.engine.cpu.Vectors;
import java.security.SecureRandom;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What surrounds the CPU of one vCPU: its local APIC, the time, doorbells, and the machine's
 * devices behind them.
 */
final class EnginePlatform implements Platform {
    private static final long PAGE = -4096;

    /** MSRs that hold state; the deadline is behind the counter on which it depends. */
    private static final int[] MSRS = {
        IA32_TSC_ADJUST, IA32_TIME_STAMP_COUNTER, MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW, IA32_TSC_DEADLINE
    };

    private final EngineVcpu vcpu;
    private final EngineVirtualMachine machine;
    private volatile long timeStampOrigin; // the machine's time at a time-stamp counter of 0
    private long timeStampAdjust; // IA32_TSC_ADJUST: what writes have added, Intel SDM vol. 3B, 18.17.3
    private int taskPriority; // without an APIC
    private @Nullable SecureRandom random; // made when the guest first asks

    EnginePlatform(EngineVcpu vcpu, EngineVirtualMachine machine) {
        this.vcpu = vcpu;
        this.machine = machine;
        this.timeStampOrigin = machine.timeStampOrigin();
    }

    /** When the time-stamp counter has a value, on the clock of the machine's timers. */
    long nanosAt(long timeStamp) {
        long nanos = timeStamp + timeStampOrigin;
        boolean tooFar = timeStamp < 0 || ((timeStamp ^ nanos) & (timeStampOrigin ^ nanos)) < 0;
        return tooFar ? Long.MAX_VALUE : nanos;
    }

    @Override
    public boolean interruptPending() {
        LocalApic apic = vcpu.apic();
        return apic != null && (apic.events() & LocalApic.INTERRUPT) != 0;
    }

    @Override
    public int acknowledgeInterrupt() {
        LocalApic apic = vcpu.apic();
        return apic == null ? LocalApic.NONE : apic.acknowledge();
    }

    @Override
    public boolean acceptsExternal() {
        LocalApic apic = vcpu.apic();
        return apic == null || apic.passesExternal();
    }

    @Override
    public boolean apicEnabled() {
        LocalApic apic = vcpu.apic();
        return apic != null && apic.mode() != ApicMode.DISABLED;
    }

    @Override
    public int sendInterrupt(long bitmap, long firstId, int command) {
        return machine.apics().sendToEach(bitmap, firstId, command);
    }

    /** The time-stamp counter's value at a time on the clock of the machine's timers. */
    long timeStampAt(long nanos) {
        return nanos - timeStampOrigin;
    }

    /** The machine's time at which the time-stamp counter was 0. */
    long timeStampOrigin() {
        return timeStampOrigin;
    }

    @Override
    public long timeStamp() {
        return timeStampAt(machine.timers().nanoTime());
    }

    @Override
    public void timeStamp(long value) {
        addToTimeStamp(value - timeStamp());
    }

    private void addToTimeStamp(long difference) {
        timeStampAdjust += difference;
        timeStampOrigin(timeStampOrigin - difference);
        vcpu.clock().update();
    }

    private void timeStampOrigin(long origin) {
        timeStampOrigin = origin;
        LocalApic apic = vcpu.apic();
        if (apic != null) apic.tscChanged();
    }

    /** The numbers of the MSRs that hold state, in the order in which they are to be put back. */
    int[] msrIndices() {
        return vcpu.apic() == null ? Arrays.copyOf(MSRS, MSRS.length - 1) : MSRS.clone();
    }

    /**
     * Whether {@link #restoreMsr} is for an MSR: one that does more, or other things, when the
     * guest writes it.
     */
    boolean restoresMsr(int index) {
        return index == IA32_TIME_STAMP_COUNTER || index == IA32_TSC_ADJUST || ParavirtualClock.isMsr(index);
    }

    /** Puts back an MSR that was read while the guest did not run. */
    void restoreMsr(int index, long value) {
        switch (index) {
            case IA32_TIME_STAMP_COUNTER -> {
                timeStampOrigin(machine.commonOrigin(machine.timers().nanoTime() - value));
                vcpu.clock().outdate();
            }
            case IA32_TSC_ADJUST -> timeStampAdjust = value;
            default -> vcpu.clock().restoreMsr(index, value);
        }
    }

    /**
     * From the host, as what virtio-rng gives by default. A machine that counts instructions does
     * not announce RDRAND and RDSEED: {@link dev.microvm.engine.cpu.CpuidTable#withoutRandomNumbers}.
     */
    @Override
    public long randomNumber() {
        if (random == null) random = new SecureRandom();
        return random.nextLong();
    }

    @Override
    public boolean hasOtherCpus() {
        return machine.hasSeveralCpus();
    }

    @Override
    public void beginExclusive() {
        machine.exclusive().begin(vcpu);
    }

    @Override
    public void endExclusive() {
        machine.exclusive().end(vcpu);
    }

    @Override
    public void giveWay() {
        machine.exclusive().giveWay(vcpu);
    }

    @Override
    public int taskPriority() {
        LocalApic apic = vcpu.apic();
        return apic == null ? taskPriority : apic.taskPriorityClass();
    }

    @Override
    public void taskPriority(int priority) {
        LocalApic apic = vcpu.apic();
        if (apic == null) {
            taskPriority = priority;
        } else {
            apic.taskPriorityClass(priority);
        }
    }

    @Override
    public boolean ownsMsr(int index) {
        if (index == IA32_TIME_STAMP_COUNTER || index == IA32_TSC_ADJUST || ParavirtualClock.isMsr(index)) return true;
        return vcpu.apic() != null && LocalApic.isMsr(index);
    }

    @Override
    public long readMsr(int index) {
        if (index == IA32_TIME_STAMP_COUNTER) return timeStamp();
        if (index == IA32_TSC_ADJUST) return timeStampAdjust;
        if (ParavirtualClock.isMsr(index)) return vcpu.clock().readMsr(index);
        LocalApic apic = vcpu.apic();
        if (apic == null || !apic.isReadable(index)) throw vcpu.cpu().fault(Vectors.GP, 0, null);
        return apic.readMsr(index);
    }

    @Override
    public void writeMsr(int index, long value) {
        if (index == IA32_TIME_STAMP_COUNTER) {
            timeStamp(value);
            return;
        }
        if (index == IA32_TSC_ADJUST) {
            addToTimeStamp(value - timeStampAdjust);
            return;
        }
        if (ParavirtualClock.isMsr(index)) {
            vcpu.clock().writeMsr(index, value);
            return;
        }
        LocalApic apic = vcpu.apic();
        if (apic == null || !apic.writeMsr(index, value)) throw vcpu.cpu().fault(Vectors.GP, 0, null);
    }

    // I/O

    @Override
    public long portIn(int port, int size) {
        machine.exclusive().leaveGuest(vcpu);
        try {
            return vcpu.handler().portIn(port, size);
        } finally {
            machine.exclusive().enterGuest(vcpu);
        }
    }

    @Override
    public void portOut(int port, int size, long value) {
        if (machine.doorbells().ring(true, port, size, value)) return;
        machine.exclusive().leaveGuest(vcpu);
        try {
            vcpu.handler().portOut(port, size, value);
        } finally {
            machine.exclusive().enterGuest(vcpu);
        }
    }

    @Override
    public long mmioRead(long gpa, int size) {
        LocalApic apic = vcpu.apic();
        if (apic != null && (gpa & PAGE) == apic.page()) return apic.read(gpa & ~PAGE, size);
        machine.exclusive().leaveGuest(vcpu);
        try {
            return vcpu.handler().mmioRead(gpa, size);
        } finally {
            machine.exclusive().enterGuest(vcpu);
        }
    }

    @Override
    public void mmioWrite(long gpa, int size, long value) {
        LocalApic apic = vcpu.apic();
        if (apic != null && (gpa & PAGE) == apic.page()) {
            apic.write(gpa & ~PAGE, size, value);
            return;
        }
        if (machine.doorbells().ring(false, gpa, size, value)) return;
        machine.exclusive().leaveGuest(vcpu);
        try {
            vcpu.handler().mmioWrite(gpa, size, value);
        } finally {
            machine.exclusive().enterGuest(vcpu);
        }
    }

    @Override
    public void endOfInterrupt(int vector) {
        vcpu.handler().endOfInterrupt(vector);
    }
}
