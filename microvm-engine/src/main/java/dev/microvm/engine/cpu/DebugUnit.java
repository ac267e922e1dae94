package dev.microvm.engine.cpu;

import dev.microvm.hypervisor.Breakpoint;
import dev.microvm.hypervisor.DebugEvent;
import dev.microvm.hypervisor.SpecialRegisters;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Debug registers, and the breakpoints that they, or a debugger on the host in their place, arm.
 *
 * <p>What is not armed costs nothing. Code that has a breakpoint is translated with a check before
 * it. A page with watched bytes has no tags in the TLB, so that the slow paths see its accesses.
 * Exceptions that follow an instruction are kept in {@link #pending} until the loop delivers them.
 *
 * <p>Source: Intel SDM vol. 3B, 18.2 and 18.3.
 */
public final class DebugUnit {
    private static final int BREAKPOINTS = 4;
    private static final int DR6 = 6;
    private static final int DR7 = 7;

    // DR6: figure 18-1
    private static final long DR6_BREAKPOINTS = 0xF;
    private static final long DR6_BD = 1 << 13; // a debug register was accessed
    static final int DR6_BS = 1 << 14; // single step
    private static final long DR6_FIXED = 0xFFFF_0FF0L;
    private static final long DR6_SETTABLE = 0xE00FL;

    // DR7: figure 18-1
    private static final long DR7_GD = 1 << 13;
    private static final long DR7_FIXED = 0x400;
    private static final long DR7_SETTABLE = 0xFFFF_23FFL;
    private static final int DR7_FIELDS = 16; // R/W and LEN of breakpoint 0; 4 bits each
    private static final int EXECUTE = 0;
    private static final int WRITE = 1;
    private static final int PORT = 2; // with CR4.DE
    private static final int[] LENGTHS = {1, 2, 8, 4}; // by LEN

    private final Cpu cpu;
    private final long[] registers = {0, 0, 0, 0, 0, 0, DR6_FIXED, DR7_FIXED};

    // What is armed
    private final long[] start = new long[BREAKPOINTS];
    private final int[] length = new int[BREAKPOINTS];
    private int execute; // a bit for each breakpoint
    private int write;
    private int readWrite;
    private int port;

    /** Bits of DR6 that the next exception between two instructions brings. */
    private int pending;

    private @Nullable List<Breakpoint> ofHost; // in place of the guest's, if a debugger asks for any
    private boolean hostSteps;
    private boolean hostTakesInt3;
    private int hostHits;

    DebugUnit(Cpu cpu) {
        this.cpu = cpu;
    }

    // Registers

    /** A debug register; 4 and 5 are not registers. */
    public long register(int number) {
        return registers[number];
    }

    /** Sets a debug register; bits that are fixed stay. */
    public void register(int number, long value) {
        registers[number] = switch (number) {
            case DR6 -> (value & DR6_SETTABLE) | DR6_FIXED;
            case DR7 -> (value & DR7_SETTABLE) | DR7_FIXED;
            default -> value;
        };
        if (number != DR6 && ofHost == null) arm();
    }

    /** MOV to or from a debug register under general detection is #DB: 18.2.4. */
    public void detectAccess(Instruction at) {
        if ((registers[DR7] & DR7_GD) == 0) return;
        registers[DR6] |= DR6_BD;
        registers[DR7] &= ~DR7_GD;
        throw cpu.fault(Vectors.DB, at);
    }

    void reset() {
        registers[DR6] = DR6_FIXED;
        registers[DR7] = DR7_FIXED;
        for (int i = 0; i < BREAKPOINTS; i++) registers[i] = 0;
        pending = 0;
        if (ofHost == null) arm();
    }

    // What a debugger on the host wants

    /**
     * Sets what a debugger wants.
     *
     * @param breakpoints in place of those of the guest, at most four; none if the guest keeps its
     *     own
     */
    public void host(boolean step, boolean int3, List<Breakpoint> breakpoints) {
        hostSteps = step;
        hostTakesInt3 = int3;
        ofHost = breakpoints.isEmpty() ? null : breakpoints;
        arm();
    }

    /** Whether each instruction is to be followed by an exit to the host. */
    boolean hostSteps() {
        return hostSteps;
    }

    /** Whether INT3 is an exit to the host, which the caller then makes. */
    boolean hostTakesInt3() {
        if (hostTakesInt3) hostHits = 0;
        return hostTakesInt3;
    }

    /** What the last exit to the host was for. */
    public DebugEvent event(long rip) {
        boolean step = (hostHits & DR6_BS) != 0;
        int breakpoints = hostHits & (int) DR6_BREAKPOINTS;
        return new DebugEvent(rip, !step && breakpoints == 0, step, breakpoints);
    }

    // Arming

    /** Determines what is armed, after registers, CR4 or the wishes of the debugger changed. */
    void arm() {
        int codeBefore = execute;
        long[] startBefore = start.clone();
        int dataBefore = write | readWrite;
        execute = 0;
        write = 0;
        readWrite = 0;
        port = 0;
        if (ofHost != null) {
            for (int i = 0; i < ofHost.size(); i++) {
                Breakpoint each = ofHost.get(i);
                int type = switch (each.kind()) {
                    case EXECUTE -> EXECUTE;
                    case WRITE -> WRITE;
                    case READ_WRITE -> WRITE | PORT;
                };
                arm(i, each.address(), each.length(), type);
            }
        } else {
            long dr7 = registers[DR7];
            for (int i = 0; i < BREAKPOINTS; i++) {
                if ((dr7 >> (2 * i) & 3) == 0) continue;
                int field = (int) (dr7 >> (DR7_FIELDS + 4 * i)) & 0xF;
                arm(i, registers[i], LENGTHS[field >> 2], field & 3);
            }
        }
        boolean moved = !Arrays.equals(start, startBefore);
        boolean joined = dataBefore == 0 && watchesData(); // what was translated must come apart
        if (joined || execute != codeBefore || (moved && execute != 0)) cpu.mmu.breakCodeOff();
        if ((write | readWrite) != dataBefore || (moved && dataBefore != 0)) cpu.mmu.flush();
    }

    private void arm(int i, long address, int bytes, int type) {
        start[i] = type == EXECUTE ? address : address & -bytes;
        length[i] = bytes;
        switch (type) {
            case EXECUTE -> execute |= 1 << i;
            case WRITE -> write |= 1 << i;
            case PORT -> {
                if ((cpu.cr4 & SpecialRegisters.CR4_DE) != 0) port |= 1 << i;
            }
            default -> readWrite |= 1 << i;
        }
    }

    // Code

    /** Whether code at an offset in its page may have a breakpoint. */
    public boolean breaksAt(int pageOffset) {
        if (execute == 0) return false;
        for (int i = 0; i < BREAKPOINTS; i++) {
            if ((execute >> i & 1) != 0 && ((start[i] ^ pageOffset) & Mmu.OFFSET) == 0) return true;
        }
        return false;
    }

    boolean breaksCode() {
        return execute != 0;
    }

    /**
     * Faults if there is a breakpoint at a linear address: before the instruction there, 18.3.1.1.
     */
    void checkCode(long linear, Instruction at) {
        int hits = 0;
        for (int i = 0; i < BREAKPOINTS; i++) {
            if ((execute >> i & 1) != 0 && start[i] == linear) hits |= 1 << i;
        }
        if (hits == 0) return;
        if (ofHost != null) {
            hostHits = hits;
            throw cpu.fault(GuestFault.TO_HOST, at);
        }
        report(hits);
        throw cpu.fault(Vectors.DB, at);
    }

    /** Whether anything is watched or has a breakpoint: then nothing is compiled. */
    public boolean isArmed() {
        return (execute | write | readWrite | port) != 0;
    }

    // Data

    /** Whether any bytes are watched: a trap may follow each instruction, so none may be joined. */
    public boolean watchesData() {
        return (write | readWrite) != 0;
    }

    /** Whether a page has watched bytes. */
    boolean watches(long page) {
        int data = write | readWrite;
        if (data == 0) return false;
        for (int i = 0; i < BREAKPOINTS; i++) {
            if ((data >> i & 1) != 0 && start[i] >> Mmu.PAGE_SHIFT == page >> Mmu.PAGE_SHIFT) return true;
        }
        return false;
    }

    /** Takes note of an access that was made. */
    void accessed(long linear, int size, boolean writes, @Nullable Instruction at) {
        hit(writes ? write | readWrite : readWrite, linear, size, at);
    }

    /** Takes note of an access to a port: 18.2.4, R/W 10. */
    public void portAccessed(int number, int size, Instruction at) {
        hit(port, number, size, at);
    }

    private void hit(int armed, long at, int size, @Nullable Instruction by) {
        if (armed == 0) return;
        int hits = 0;
        for (int i = 0; i < BREAKPOINTS; i++) {
            if ((armed >> i & 1) != 0 && at < start[i] + length[i] && start[i] < at + size) hits |= 1 << i;
        }
        if (hits == 0) return;
        pending |= hits;
        cpu.loop.stopAfter(by);
    }

    // Exceptions between instructions

    /** Adds what the next such exception brings. */
    void pend(int bits) {
        pending |= bits;
    }

    boolean isPending() {
        return pending != 0;
    }

    /** Forgets what was pending: the instruction did not complete after all. */
    void forget() {
        pending = 0;
    }

    /**
     * Takes what is pending.
     *
     * @return whether it is the host's; otherwise it is in DR6, and #DB is to be delivered
     */
    boolean takeForHost() {
        int bits = pending;
        pending = 0;
        int mine = (hostSteps ? DR6_BS : 0) | (ofHost != null ? (int) DR6_BREAKPOINTS : 0);
        if ((bits & mine) != 0) {
            hostHits = bits;
            return true;
        }
        report(bits);
        return false;
    }

    private void report(int bits) {
        registers[DR6] = (registers[DR6] & ~DR6_BREAKPOINTS) | bits;
        registers[DR7] &= ~DR7_GD;
    }
}
