package dev.microvm.hypervisor;

import dev.microvm.cpuid.CpuidEntry;
import java.util.List;

/**
 * One virtual CPU. A vCPU belongs to one thread at a time: the one that calls {@link #run}, or,
 * while none does, the one that reads and writes its state. Only {@link #kick} may be called by any
 * thread at any time.
 *
 * <p>All state methods throw {@link HypervisorException} when the hypervisor refuses a value.
 */
public interface Vcpu extends AutoCloseable {
    /** What {@link #translate} returns for an address that leads nowhere. */
    long NOT_MAPPED = -1;

    /** Its number in the machine, from 0. */
    int index();

    /**
     * Runs the guest until something but I/O happens.
     *
     * @throws VcpuFailedException if the guest cannot be entered or an instruction cannot be
     *     emulated
     */
    VcpuExit run(ExitHandler handler);

    /**
     * Makes a {@link #run} that is under way, or else the next one, return {@link VcpuExit#KICKED},
     * soon.
     */
    void kick();

    /** General registers. */
    Registers registers();

    /** Sets the general registers. */
    void registers(Registers registers);

    /** Segments, tables and control registers. */
    SpecialRegisters specialRegisters();

    /** Sets segments, tables and control registers. */
    void specialRegisters(SpecialRegisters registers);

    /** x87, SSE and extended state with XCR0. */
    FpuState fpuState();

    /** Sets x87, SSE and extended state with XCR0. */
    void fpuState(FpuState state);

    /** Debug registers. */
    DebugRegisters debugRegisters();

    /** Sets the debug registers. */
    void debugRegisters(DebugRegisters registers);

    /**
     * Translates a linear address as the vCPU's paging mode and page tables do now. Raises no
     * fault, checks no rights (a page of the other privilege level or without execute permission
     * translates too), and sets no dirty bit. KVM sets accessed bits on the way, as a processor
     * does; the engine changes nothing.
     *
     * @param linearAddress canonical; what another address translates to is undefined
     * @return the guest-physical address, whether there is memory or not, or {@link #NOT_MAPPED}
     */
    long translate(long linearAddress);

    /** Exceptions and interrupts that are on their way. */
    VcpuEvents events();

    /** Sets what is on its way. */
    void events(VcpuEvents events);

    /** Whether it runs, halts or waits for a start-up IPI. */
    ActivityState activity();

    /** Sets whether it runs, halts or waits for a start-up IPI. */
    void activity(ActivityState state);

    /** Registers of the local APIC; not in {@link InterruptMode#USERSPACE}. */
    LapicState lapic();

    /** Sets the registers of the local APIC; not in {@link InterruptMode#USERSPACE}. */
    void lapic(LapicState state);

    /** The numbers of all MSRs that {@link #msrs} can read and that belong to a vCPU's state. */
    int[] msrIndices();

    /** Reads MSRs. */
    List<MsrEntry> msrs(int... indices);

    /** Writes MSRs, in order. */
    void msrs(List<MsrEntry> entries);

    /** Sets what the CPUID instruction answers; before the first {@link #run}. */
    void cpuid(List<CpuidEntry> table);

    /** The frequency of the time-stamp counter in kHz, or 0 if it is not known. */
    long tscKhz();

    /**
     * Whether the guest could take an external interrupt now; for {@link InterruptMode#USERSPACE}
     * and a SPLIT PIC.
     */
    boolean readyForInterrupt();

    /** Injects an external interrupt when {@link #readyForInterrupt}. */
    void interrupt(int vector);

    /** Asks for {@link VcpuExit#INTERRUPT_WINDOW} as soon as the guest can take an interrupt. */
    void requestInterruptWindow(boolean wanted);

    /**
     * Sets what a debugger wants, in place of what it wanted before; needs {@link
     * Capability#GUEST_DEBUG}.
     */
    void debug(GuestDebug wanted);

    /**
     * What made the last {@link #run} return {@link VcpuExit#DEBUG}. An EXECUTE breakpoint or INT3
     * at RIP is hit again, unless a debugger takes it away for a step, or sets RFLAGS.RF to pass a
     * breakpoint.
     */
    DebugEvent debugEvent();

    /**
     * Frees the vCPU; closing its machine does too. From then on {@link #kick} does nothing, and all
     * other methods but {@link #index} throw {@link IllegalStateException}. Twice is once.
     *
     * @throws IllegalStateException if the vCPU runs
     */
    @Override
    void close();
}
