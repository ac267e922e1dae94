package dev.microvm.kvm;

import static dev.microvm.hypervisor.MsrNumbers.IA32_TIME_STAMP_COUNTER;
import static dev.microvm.hypervisor.MsrNumbers.IA32_TSC_DEADLINE;

import dev.microvm.hypervisor.LapicState;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.linux.Errno;
import dev.microvm.linux.FileDescriptor;
import dev.microvm.linux.Libc;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * The time of one vCPU: its time-stamp counter and the timer of its local APIC, which KVM runs by
 * the host's time. While the machine's clock is paused they show the moment of the pause, or what
 * was set since; they can continue from there. Belongs to whoever owns the vCPU's state.
 */
final class KvmVcpuClock {
    // Registers of the local APIC: Intel SDM vol. 3A, table 11-1 and figure 11-8
    private static final int APIC_ISR = 0x100;
    private static final int APIC_IRR = 0x200;
    private static final int APIC_LVT_TIMER = 0x320;
    private static final int APIC_INITIAL_COUNT = 0x380;
    private static final int APIC_CURRENT_COUNT = 0x390; // 0 in TSC-deadline mode
    private static final int LVT_VECTOR = 0xff;
    private static final int LVT_MASKED = 1 << 16;
    private static final int LVT_TIMER_MODE = 0b11 << 17; // 0 is one-shot

    private final FileDescriptor vcpu;
    private final KvmState state;
    private final KvmTimeStamp counter;
    private final boolean hasLapic;
    private boolean paused;

    // While paused
    private long timeStamp;
    private long tscDeadline; // 0 if none is armed
    private int currentCount; // what is left of a one-shot or periodic timer; 0 if none runs

    KvmVcpuClock(FileDescriptor vcpu, KvmState state, boolean hasLapic) {
        this.vcpu = vcpu;
        this.state = state;
        this.hasLapic = hasLapic;
        counter = new KvmTimeStamp(vcpu);
    }

    /** The vCPU's time-stamp counter. */
    KvmTimeStamp counter() {
        return counter;
    }

    /**
     * Notes what the time is; {@code host} is of {@link KvmTimeStamp#host} of one of the machine's
     * vCPUs.
     */
    void pause(long host) {
        timeStamp = counter.at(host);
        if (hasLapic) {
            tscDeadline = KvmMsrs.read(vcpu, IA32_TSC_DEADLINE).getFirst().value();
            currentCount = currentCount(state.lapic());
        }
        paused = true;
    }

    /**
     * Whether {@link #continueTimer} sets the whole local APIC, and with it interrupts that have
     * come.
     */
    boolean setsLapic() {
        return paused && currentCount != 0;
    }

    /**
     * Continues the time-stamp counter where it was; {@code host} is as for {@link #pause}, now.
     */
    void continueCounter(long host) {
        if (paused) counter.set(timeStamp, host);
    }

    /**
     * Arms the local APIC's timer with what it had left, after {@link #continueCounter} with the
     * same {@code host}.
     */
    void continueTimer(long host) {
        if (!paused) return;
        if (currentCount != 0) state.lapic(shown(state.lapic()));
        if (tscDeadline == 0) return;
        long moved = counter.at(host) - timeStamp; // more than a moment where the counter cannot be set: kvm-pvm
        KvmMsrs.write(vcpu, List.of(new MsrEntry(IA32_TSC_DEADLINE, tscDeadline + moved)));
    }

    /** Shows KVM's time again, and tells the guest's watchdogs not to count the pause. */
    void resume() {
        paused = false;
        int result = Libc.ioctl(vcpu.value(), KvmRequest.KVMCLOCK_CTRL.number(), 0);
        // EINVAL: this vCPU has no paravirtual clock, or KVM is too old.
        if (result < 0 && result != -Errno.EINVAL) throw KvmRequest.KVMCLOCK_CTRL.failure(-result, "");
    }

    /** What reads of MSRs give, from what KVM gives. */
    List<MsrEntry> shown(List<MsrEntry> read) {
        return paused ? read.stream().map(this::shown).toList() : read;
    }

    private MsrEntry shown(MsrEntry read) {
        return switch (read.index()) {
            case IA32_TIME_STAMP_COUNTER -> new MsrEntry(read.index(), timeStamp);
            case IA32_TSC_DEADLINE -> new MsrEntry(read.index(), tscDeadline);
            default -> read;
        };
    }

    /** What a read of the local APIC gives, from what KVM gives. */
    LapicState shown(LapicState read) {
        return paused ? withCount(read, currentCount) : read;
    }

    /**
     * Puts into a page what its timer has left. KVM keeps the interrupt of a timer that has expired
     * out of the page until the vCPU runs, and shows a count of 0 as for one that was served long
     * ago: nothing tells the two apart. So a one-shot timer at 0 is shown as due with the next tick,
     * unless its interrupt is on its way or being served. KVM itself, given a 0, fires too.
     */
    static LapicState withCount(LapicState read, int count) {
        byte[] registers = read.registers();
        ByteBuffer page = littleEndian(registers);
        page.putInt(APIC_CURRENT_COUNT, count == 0 && mayBeDue(page) ? 1 : count);
        return new LapicState(registers);
    }

    private static boolean mayBeDue(ByteBuffer page) {
        int timer = page.getInt(APIC_LVT_TIMER);
        if (page.getInt(APIC_INITIAL_COUNT) == 0 || (timer & (LVT_MASKED | LVT_TIMER_MODE)) != 0) return false;
        return !has(page, APIC_IRR, timer & LVT_VECTOR) && !has(page, APIC_ISR, timer & LVT_VECTOR);
    }

    /** Whether a vector is in a set of 256, of which each register has 32. */
    private static boolean has(ByteBuffer page, int set, int vector) {
        return (page.getInt(set + vector / Integer.SIZE * 0x10) >>> vector % Integer.SIZE & 1) != 0;
    }

    /** MSRs were set. */
    void wereSet(List<MsrEntry> entries) {
        if (!paused) return;
        for (MsrEntry entry : entries) {
            if (entry.index() == IA32_TIME_STAMP_COUNTER) timeStamp = entry.value();
            if (entry.index() == IA32_TSC_DEADLINE) tscDeadline = entry.value();
        }
    }

    /** The local APIC was set. */
    void wasSet(LapicState set) {
        if (paused) currentCount = currentCount(set);
    }

    private static int currentCount(LapicState lapic) {
        return littleEndian(lapic.registers()).getInt(APIC_CURRENT_COUNT);
    }

    private static ByteBuffer littleEndian(byte[] registers) {
        return ByteBuffer.wrap(registers).order(ByteOrder.LITTLE_ENDIAN);
    }
}
