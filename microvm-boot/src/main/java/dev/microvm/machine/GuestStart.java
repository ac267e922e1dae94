package dev.microvm.machine;

import dev.microvm.boot.FirmwarePlan;
import dev.microvm.boot.StartPlan;
import dev.microvm.snapshot.MachineState;
import dev.microvm.state.DeviceState;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** How a guest begins: from its kernel or firmware, or where another machine was saved. */
public sealed interface GuestStart {
    /** Returns the size in bytes of the read-only memory that ends at 4 GiB. */
    long romSize();

    /** Whether there is firmware that prints to the debug console. */
    boolean hasDebugConsole();

    /** As after power-on. */
    record Boot(StartPlan plan) implements GuestStart {
        @Override
        public long romSize() {
            return plan.romSize();
        }

        @Override
        public boolean hasDebugConsole() {
            return byFirmware();
        }

        boolean byFirmware() {
            return plan instanceof FirmwarePlan;
        }
    }

    /**
     * Where another machine was saved.
     *
     * @param state all of that machine but its RAM
     * @param memory its RAM
     * @param later how much guest time has passed since; zero if it stood still
     * @param selected what runs it, if that is decided already; else it is selected anew
     */
    record Continue(
            MachineState state,
            RamImage memory,
            Duration later,
            @Nullable SelectedHypervisor selected) implements GuestStart {
        @Override
        public long romSize() {
            DeviceState rom = state.devices().get(Rom.PART);
            return rom == null ? 0 : Rom.size(rom);
        }

        @Override
        public boolean hasDebugConsole() {
            return state.devices().containsKey(PcPart.DEBUG_CONSOLE.plan().name());
        }
    }
}
