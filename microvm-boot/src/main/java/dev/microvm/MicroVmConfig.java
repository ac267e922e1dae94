package dev.microvm;

import dev.microvm.boot.BootPlan;
import dev.microvm.boot.KernelImage;
import dev.microvm.hypervisor.Hypervisor;
import java.time.InstantSource;
import java.util.List;

/**
 * A machine's description, checked: what {@link MicroVmBuilder#build} yields.
 *
 * @param name of the machine and its threads
 * @param hypervisor what runs its vCPUs
 * @param choice why it is that one
 * @param options which parts the machine has
 * @param vcpus how many
 * @param memorySize of RAM, in bytes
 * @param kernel to start
 * @param boot how it is started
 * @param onReset what comes after a reset
 * @param rtcClock the time that its real-time clock shows
 * @param serial where its serial port leads, besides the console
 * @param devices of the user's own
 */
record MicroVmConfig(
        String name,
        Hypervisor hypervisor,
        String choice,
        MachineOptions options,
        int vcpus,
        long memorySize,
        KernelImage kernel,
        BootPlan boot,
        ResetAction onReset,
        InstantSource rtcClock,
        Serial serial,
        List<UserDevice> devices) {
    MicroVmConfig {
        devices = List.copyOf(devices);
    }

    /**
     * A device of the user's own.
     *
     * @param port whether {@code base} is a port; otherwise it is guest-physical
     */
    record UserDevice(String name, boolean port, long base, long size, DeviceFactory factory) {}
}
