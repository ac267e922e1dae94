package dev.microvm;

import dev.microvm.machine.RamImage;
import dev.microvm.machine.SelectedHypervisor;
import dev.microvm.snapshot.MachineState;
import java.util.List;

/**
 * A machine at one moment, in memory. Any number of machines can continue from it, and share with
 * the first one and with each other the memory that none of them writes.
 *
 * <pre>{@code
 * try (Fork moment = vm.fork();
 *         MicroVm one = moment.start();
 *         MicroVm other = moment.restore().name("other").start()) {
 *     other.console().type("...");
 * }
 * }</pre>
 *
 * <p>It needs neither the first machine nor each other: all may be closed in any order, and machines
 * that were started keep running when the fork is closed. Any thread may call.
 */
public final class Fork implements AutoCloseable {
    private final MachineState state;
    private final RamImage memory;
    private final SelectedHypervisor selected;

    Fork(MachineState state, RamImage memory, SelectedHypervisor selected) {
        this.state = state;
        this.memory = memory;
        this.selected = selected;
    }

    /**
     * Begins the description of a machine that continues from here.
     *
     * @throws IllegalStateException if this is closed
     */
    public RestoreBuilder restore() {
        memory.requireOpen();
        return new RestoreBuilder(state, memory, selected, slot -> List.of());
    }

    /**
     * Starts a machine that continues from here: {@link #restore} and {@link RestoreBuilder#start}.
     *
     * @throws IllegalStateException if this is closed
     */
    public MicroVm start() {
        return restore().start();
    }

    /**
     * Starts a number of machines that continue from here: {@link #restore} and {@link
     * RestoreBuilder#start(int)}.
     *
     * @throws IllegalArgumentException if {@code count} is less than 0
     * @throws IllegalStateException if this is closed
     */
    public List<MicroVm> start(int count) {
        return restore().start(count);
    }

    /**
     * Frees the memory of this moment that no machine needs. From then on no machine can be started
     * from here; those that were continue to run. One that nobody refers to any more is closed after
     * a garbage collection.
     */
    @Override
    public void close() {
        memory.close();
    }

    @Override
    public String toString() {
        return "fork of " + state.takenAt();
    }
}
