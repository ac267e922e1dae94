package dev.microvm.hypervisor;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.event.EventLoop;
import dev.microvm.event.Signal;
import dev.microvm.irq.IrqLine;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.memory.GuestRam;
import dev.microvm.memory.RamBacking;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * One virtual machine of a {@link Hypervisor}: memory slots, vCPUs and interrupt wires.
 *
 * <p>Any thread may call. Who calls {@link #close} makes sure that no vCPU runs and nothing touches
 * memory that {@link #ram} or {@link #allocate} gave. From then on wires, messages, routes and
 * pauses do nothing; what asks for more throws {@link IllegalStateException}, also where it races
 * with {@link #close}. All methods throw {@link HypervisorException} when the hypervisor refuses.
 */
public interface VirtualMachine extends AutoCloseable {
    /** Where this machine's interrupt controllers are. */
    InterruptMode interruptMode();

    /** Whether this machine can do it. */
    boolean supports(Capability capability);

    /** The most vCPUs the hypervisor allows. */
    int maxVcpus();

    /**
     * Opens host memory to be the guest's RAM: page-aligned, freed by {@link #close}. The guest
     * sees none of it until its regions are {@linkplain #map mapped}. The host gives it as it is
     * touched, but for the engine's anonymous memory, which is taken whole.
     *
     * @param size bytes, a multiple of 4 KiB
     */
    GuestRam ram(RamBacking backing, long size);

    /** Host memory for what is not RAM, such as a ROM: as that of {@link RamBacking#anonymous}. */
    default MemorySegment allocate(long size) {
        return ram(RamBacking.anonymous(), size).segment();
    }

    /**
     * Lets the guest see a region.
     *
     * @param slot a number of the caller's, from 0; a slot that is in use is an error
     */
    void map(int slot, GuestMemoryRegion region);

    /** Takes a region away from the guest again. */
    void unmap(int slot);

    /** The CPUID table of a vCPU that can do all that the hypervisor and its host can. */
    List<CpuidEntry> supportedCpuid();

    /**
     * Asks for a frequency of the time-stamp counters, in kHz, before any vCPU is made. A hypervisor
     * that cannot scale them leaves them as they are: {@link Vcpu#tscKhz} tells what they have.
     */
    void tscKhz(long khz);

    /**
     * Makes a vCPU.
     *
     * @param index from 0; also its APIC ID. Vcpu 0 starts; with local APICs of the hypervisor's,
     *     the others wait for a start-up IPI
     */
    Vcpu createVcpu(int index);

    /**
     * Makes the hypervisor's own i8254 at ports 0x40 to 0x43; needs {@link Capability#KERNEL_PIT},
     * before any vCPU.
     */
    void createPit();

    /**
     * Replaces all interrupt routes. In {@link InterruptMode#KERNEL} a PC's usual routes are there
     * at first.
     */
    void routes(List<IrqRoute> routes);

    /** The wire to global system interrupt {@code gsi}. */
    IrqLine irqLine(int gsi);

    /**
     * A wire to {@code gsi} that can only {@linkplain IrqLine#pulse pulse}, by the cheapest way
     * there is: for edges from I/O threads. Driving it high pulses it.
     */
    IrqLine edgeLine(int gsi);

    /**
     * The loop on which all that devices do by themselves must run: its time is the machine's, and
     * its signals can be {@linkplain #doorbell doorbells}. The first call starts its thread, {@code
     * microvm-<name>-io}, if it has one; who calls closes it, before the machine.
     */
    EventLoop eventLoop();

    /**
     * What the paravirtual clock says, which counts from the machine's beginning; needs
     * {@link Capability#PARAVIRTUAL_CLOCK}.
     *
     * @return nanoseconds
     */
    long clockNanos();

    /**
     * Sets the paravirtual clock, in nanoseconds, while no vCPU runs: a guest that moved here reads
     * on where it was.
     */
    void clockNanos(long nanos);

    /**
     * Stops the guest's time, while no vCPU runs: the paravirtual clock, all time-stamp counters,
     * the timers of the local APICs, a {@linkplain #createPit timer of the hypervisor's}, and the
     * clock of the {@link #eventLoop}. What reads them, {@link #clockNanos()} and {@link Vcpu#msrs}
     * among them, sees the moment of the pause until {@link #resumeClock}. Messages and wires work
     * as ever. Pausing twice is once.
     */
    void pauseClock();

    /**
     * Lets the guest's time pass again, before any vCPU runs, and tells the guest's paravirtual
     * clock that it was stopped, so that its watchdogs stay quiet. Does nothing if the clock is not
     * paused.
     *
     * @param how {@code CONTINUE}: timers have as much time left as they had; {@code CATCH_UP}:
     *     those that were due meanwhile fire at once. A clock that counts instructions knows no
     *     difference.
     */
    void resumeClock(ClockOnResume how);

    /**
     * Delivers a message-signalled interrupt now; one that no local APIC takes is lost, as on
     * hardware.
     */
    void signalMsi(long address, int data);

    /**
     * Lets a guest's write raise a signal without reaching the {@link ExitHandler}; needs {@link
     * Capability#DOORBELL}.
     *
     * @return closes the doorbell again, once, before the signal is closed; closing the machine
     *     does too
     */
    Registration doorbell(Doorbell doorbell, Signal signal);

    /** Frees everything: memory, wires, vCPUs that are still open. Twice is once. */
    @Override
    void close();

    /** Something that was registered and can be taken back. */
    @FunctionalInterface
    interface Registration extends AutoCloseable {
        @Override
        void close();
    }
}
