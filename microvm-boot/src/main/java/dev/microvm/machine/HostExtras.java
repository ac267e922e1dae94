package dev.microvm.machine;

import dev.microvm.backend.net.NetBackend;
import dev.microvm.bus.DeviceFactory;
import dev.microvm.console.ConsoleOpener;
import dev.microvm.devices.virtio.VirtioDeviceFactory;
import java.time.InstantSource;
import java.util.Map;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * What a user gives as code, beside a {@link dev.microvm.model.MachineSpec}; it cannot be stored. Immutable.
 *
 * @param console streams of the program; null for what the description says
 * @param firmwareLog who reads what firmware prints; null for the log
 * @param rtcClock the time of the real-time clock; null for the host's
 * @param virtio makers of virtio devices that are code, by slot
 * @param networks back ends of network devices, by slot; the description says the others
 * @param random sources of entropy devices, by slot; the others give the host's randomness
 * @param own makers of devices at ports and addresses, by their place in the list of all
 */
public record HostExtras(
        @Nullable ConsoleOpener console,
        @Nullable Consumer<String> firmwareLog,
        @Nullable InstantSource rtcClock,
        Map<Integer, VirtioDeviceFactory> virtio,
        Map<Integer, NetBackend> networks,
        Map<Integer, RandomGenerator> random,
        Map<Integer, DeviceFactory> own) {
    /** Takes copies. */
    public HostExtras {
        virtio = Map.copyOf(virtio);
        networks = Map.copyOf(networks);
        random = Map.copyOf(random);
        own = Map.copyOf(own);
    }
}
