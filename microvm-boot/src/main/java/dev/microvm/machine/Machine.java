package dev.microvm.machine;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.console.ConsoleInput;
import dev.microvm.error.MicroVmException;
import dev.microvm.memory.RamBacking;
import dev.microvm.snapshot.MachineState;
import dev.microvm.state.DeviceState;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * A machine for one run of its guest, as its owner sees it. Nothing here is a device, an address or
 * a thread, so the machine may be in this process or in another.
 *
 * <p>One thread at a time calls {@link #start}, {@link #pause}, {@link #resume}, {@link #save},
 * {@link #restore} and {@link #close}, none of the machine's own; any thread may call the rest at
 * any time.
 */
public interface Machine extends AutoCloseable {
    /**
     * Lets the guest run, once; a machine that was {@linkplain #pause paused} before, or that
     * continues a saved one, runs when it is resumed.
     */
    void start();

    /** Ends the guest, by the host's will; returns at once. */
    void stop();

    /**
     * Stops the guest: first its vCPUs, between two instructions, then its virtio devices, whose
     * requests are completed or wait, then its time. What the host does to a device meanwhile waits
     * as well. Pausing twice is once.
     *
     * @throws MicroVmException if a vCPU or a device does not stop in time; the guest then
     *     continues to run
     */
    void pause();

    /**
     * Lets a paused guest continue; does nothing if it is not paused.
     *
     * @param clock whether the guest's time stood still, that of its real-time clock included, or
     *     catches up
     */
    void resume(ClockOnResume clock);

    /** Registers and memory of the guest, for as long as it is paused. */
    GuestView view();

    /**
     * The states of all devices that have one, by the names of their parts, in the order in which
     * they are to be restored. Those of vCPUs, with their local APICs, and memory are not among
     * them.
     *
     * @throws IllegalStateException if the machine is not paused
     * @throws MicroVmException if a device cannot be saved; with the hypervisor's own interrupt
     *     controllers always
     */
    SequencedMap<String, DeviceState> save();

    /**
     * Puts back what {@link #save} gave, into the devices of a new machine of the same plan, which
     * must be paused and not started. Its memory must be what it was already, because devices read
     * their queues there as soon as they run.
     *
     * @throws IllegalArgumentException if a device's state is missing or of another kind, or there
     *     is no such device
     * @throws IllegalStateException if the machine is not paused
     */
    void restore(Map<String, DeviceState> states);

    /**
     * Returns all of the machine but its RAM, with which another machine can continue.
     *
     * @throws IllegalStateException if the machine is not paused
     * @throws MicroVmException as {@link #save}
     */
    MachineState state();

    /**
     * Returns the RAM as it is now, for other machines; this one keeps its own. The caller closes it.
     *
     * @throws IllegalStateException if the machine is not paused
     * @throws MicroVmException if the host cannot do it
     */
    RamImage fork();

    /**
     * Returns the same as {@link #fork} if that takes no time for RAM that was not written since the
     * last time; else empty, and {@link #ram} is to be read.
     *
     * @throws IllegalStateException if the machine is not paused
     */
    Optional<RamImage> forkIfInMemory();

    /** All RAM, which stands still while the machine is paused. */
    MemorySegment ram();

    /**
     * Returns the pages of 4 KiB of the RAM that may differ from a backing's content: all of them, if
     * the RAM was not made from that.
     *
     * @throws IllegalStateException if the machine is not paused
     */
    BitSet pagesUnlike(RamBacking backing);

    /**
     * Presses the power button; nothing happens without ACPI. A paused guest sees it when it is
     * resumed.
     */
    void pressPowerButton();

    /**
     * Presses the reset button: ends the run as if the guest had reset itself; returns at once.
     */
    void reset();

    /**
     * Tells the guest how large the window of its virtio console is; nothing happens without one.
     */
    void resizeConsole(int columns, int rows);

    /** Limits each vCPU to a share of a host CPU, in percent, 1 to 100. */
    void cpuShare(int percent);

    /** Lets the guest's serial port have what the host types. */
    void connect(ConsoleInput typed);

    /** The console has room again for what the guest's serial port prints. */
    void outputReady();

    /** The machine in words. */
    String describe();

    /** Whether the guest has halted for good and stays so. */
    boolean hasHalted();

    /** Whether the caller is a thread of this machine's, which {@link #close} would wait for. */
    boolean ownsCurrentThread();

    /** Whether {@link #close} has freed everything. */
    boolean isFreed();

    /**
     * Ends the guest and frees everything, paused or not; bounded in time, whatever the guest does.
     */
    @Override
    void close();
}
