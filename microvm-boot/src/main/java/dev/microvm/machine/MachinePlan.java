package dev.microvm.machine;

import dev.microvm.boot.KernelImage;
import dev.microvm.boot.StartPlan;
import dev.microvm.bus.DeviceFactory;
import dev.microvm.clock.GuestClock;
import dev.microvm.console.ConsoleChannel;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.cpuid.CpuidPolicy;
import dev.microvm.cpuid.GuestCpuid;
import dev.microvm.devices.firmware.FwCfg;
import dev.microvm.devices.virtio.balloon.Balloon;
import dev.microvm.devices.virtio.vsock.VsockEnd;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.model.ResetAction;
import dev.microvm.model.TimedInput;
import java.time.InstantSource;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A machine's description, checked: what {@code MicroVmBuilder.build} yields.
 *
 * @param name of the machine and its threads
 * @param hypervisor what runs its vCPUs
 * @param choice why it is that one
 * @param options which parts the machine has
 * @param vcpus how many
 * @param memorySize of RAM, in bytes
 * @param kernel to start, if firmware has not to find one itself
 * @param start how the guest is started
 * @param optionRoms whether firmware sees them
 * @param fwCfg what it can ask the host for
 * @param firmwareLog who reads what firmware prints, if anybody but the log
 * @param onReset what comes after a reset
 * @param clock by what its time passes
 * @param rtcClock the time that its real-time clock shows, with the host's clock
 * @param cpuidPolicy what the user changes of CPUID's tables
 * @param supportedCpuid what the hypervisor can do
 * @param tscDeadline whether local APICs have the TSC-deadline mode
 * @param typed what is typed on the serial port by itself
 * @param serial where its serial port leads besides the console, in words
 * @param virtio its virtio devices, by slot
 * @param ports of its virtio console, which is the first; none if it has no such device
 * @param vsock the host's end of its virtio socket device, if it has one
 * @param balloon the host's end of its memory balloon, if it has one
 * @param devices of the user's own
 */
public record MachinePlan(
        String name,
        Hypervisor hypervisor,
        String choice,
        MachineOptions options,
        int vcpus,
        long memorySize,
        @Nullable KernelImage kernel,
        StartPlan start,
        Decision optionRoms,
        FwCfg.Builder fwCfg,
        @Nullable Consumer<String> firmwareLog,
        ResetAction onReset,
        GuestClock clock,
        InstantSource rtcClock,
        CpuidPolicy cpuidPolicy,
        List<CpuidEntry> supportedCpuid,
        boolean tscDeadline,
        List<TimedInput> typed,
        String serial,
        List<VirtioSlot> virtio,
        List<ConsoleChannel> ports,
        @Nullable VsockEnd vsock,
        @Nullable Balloon balloon,
        List<UserDevice> devices) {
    public MachinePlan {
        ports = List.copyOf(ports);
        virtio = List.copyOf(virtio);
        devices = List.copyOf(devices);
        typed = List.copyOf(typed);
    }

    /** Whether the guest's console is its virtio console: where it has no serial port. */
    public boolean consoleIsVirtio() {
        return !ports.isEmpty() && !options.isaSerial().present();
    }

    /** What CPUID answers on a vCPU. */
    public List<CpuidEntry> cpuid(int vcpu) {
        return cpuidPolicy.apply(GuestCpuid.forVcpu(supportedCpuid, vcpu, vcpus, tscDeadline));
    }

    /** The same on another hypervisor. */
    public MachinePlan with(Hypervisor other) {
        return new MachinePlan(
                name,
                other,
                choice,
                options,
                vcpus,
                memorySize,
                kernel,
                start,
                optionRoms,
                fwCfg,
                firmwareLog,
                onReset,
                clock,
                rtcClock,
                cpuidPolicy,
                supportedCpuid,
                tscDeadline,
                typed,
                serial,
                virtio,
                ports,
                vsock,
                balloon,
                devices);
    }

    /**
     * A device of the user's own.
     *
     * @param port whether {@code base} is a port; otherwise it is guest-physical
     */
    public record UserDevice(String name, boolean port, long base, long size, DeviceFactory factory) {
        Place place() {
            return new Place(port, name, base, size);
        }

        /** The part of the machine that it is; there may be several of its name. */
        PartPlan part() {
            return PartPlan.named("%s at %s 0x%x".formatted(name, port ? "port" : "address", base))
                    .at(place());
        }
    }
}
