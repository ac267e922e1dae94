package dev.microvm.machine;

import dev.microvm.backend.net.NetBackend;
import dev.microvm.bus.DeviceFactory;
import dev.microvm.console.ConsoleOpener;
import dev.microvm.devices.virtio.VirtioDeviceFactory;
import dev.microvm.model.ExitTrace;
import java.time.InstantSource;
import java.util.Map;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * The user's code beside a {@link dev.microvm.model.MachineSpec}; it cannot be stored. Immutable.
 *
 * @param console opens the program's own streams; null for the target in the description
 * @param firmwareLog receives what firmware prints; null for the log
 * @param exitTrace is told of each access to a device; null for none
 * @param rtcClock the time of the real-time clock; null for the host's time
 * @param virtio makers of the user's own virtio devices, by slot
 * @param networks the user's own back ends of network devices, by slot
 * @param random the user's own sources of entropy devices, by slot
 * @param own makers of the user's own devices at ports and addresses, by their index in the list of
 *     all
 */
public record HostExtras(
        @Nullable ConsoleOpener console,
        @Nullable Consumer<String> firmwareLog,
        @Nullable ExitTrace exitTrace,
        @Nullable InstantSource rtcClock,
        Map<Integer, VirtioDeviceFactory> virtio,
        Map<Integer, NetBackend> networks,
        Map<Integer, RandomGenerator> random,
        Map<Integer, DeviceFactory> own) {
    /** Copies the maps. */
    public HostExtras {
        virtio = Map.copyOf(virtio);
        networks = Map.copyOf(networks);
        random = Map.copyOf(random);
        own = Map.copyOf(own);
    }
}
