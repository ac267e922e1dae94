package dev.microvm.machine;

import dev.microvm.boot.KernelImage;
import dev.microvm.boot.StartPlan;
import dev.microvm.bus.DeviceFactory;
import dev.microvm.clock.GuestClock;
import dev.microvm.console.ConsoleOpener;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.devices.firmware.FwCfg;
import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.model.BusDeviceSpec;
import dev.microvm.model.MachineSpec;
import dev.microvm.model.ResetAction;
import dev.microvm.model.TimedInput;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A machine, decided: what {@link MachinePlanner} makes of a description. It opens nothing; a {@link
 * PcMachine} is made from it for each run.
 *
 * @param spec what was asked for
 * @param extras what was given as code
 * @param name of the machine and its threads
 * @param selected what runs its vCPUs, and why
 * @param options which parts the machine has
 * @param cpus what its vCPUs are
 * @param kernel to start; null if firmware finds one itself
 * @param start how the guest is started
 * @param optionRoms whether firmware sees them
 * @param fwCfg what firmware and guest can ask the host for
 * @param virtio its virtio devices, by slot
 * @param devices that are code
 */
public record MachinePlan(
        MachineSpec spec,
        HostExtras extras,
        String name,
        SelectedHypervisor selected,
        OptionsPlan options,
        CpuPlan cpus,
        @Nullable KernelImage kernel,
        StartPlan start,
        Decision optionRoms,
        FwCfg.Builder fwCfg,
        List<VirtioSlot> virtio,
        List<UserDevice> devices) {
    /** Takes copies of the lists. */
    public MachinePlan {
        virtio = List.copyOf(virtio);
        devices = List.copyOf(devices);
    }

    /** What runs the vCPUs. */
    public Hypervisor hypervisor() {
        return selected.hypervisor();
    }

    /** Why it is that one. */
    public String choice() {
        return selected.why();
    }

    /** How many vCPUs. */
    public int vcpus() {
        return cpus.vcpus();
    }

    /** What CPUID answers on a vCPU. */
    public List<CpuidEntry> cpuid(int vcpu) {
        return cpus.cpuid(vcpu);
    }

    /** The size of RAM in bytes. */
    public long memorySize() {
        return spec.memory().bytes();
    }

    /** What follows a reset. */
    public ResetAction onReset() {
        return spec.options().onReset();
    }

    /** By what time passes. */
    public GuestClock clock() {
        return spec.clock().clock();
    }

    /** The time that the real-time clock shows, with the host's clock. */
    public InstantSource rtcClock() {
        InstantSource own = extras.rtcClock();
        return own == null ? InstantSource.system() : own;
    }

    /** What opens where the console leads. */
    public ConsoleOpener console() {
        ConsoleOpener own = extras.console();
        return own == null ? ConsoleOpener.of(spec.console()) : own;
    }

    /** What is typed on the serial port by itself. */
    public List<TimedInput> typed() {
        return spec.clock().typed();
    }

    /** The hosts' ends of its virtio devices, which stay through all runs. */
    public List<HostEnd> hostEnds() {
        return virtio.stream()
                .map(VirtioSlot::factory)
                .filter(HostEnd.class::isInstance)
                .map(HostEnd.class::cast)
                .toList();
    }

    /** The host's end of a kind, if the machine has such a device. */
    public <T extends HostEnd> Optional<T> hostEnd(Class<T> kind) {
        return hostEnds().stream().filter(kind::isInstance).map(kind::cast).findFirst();
    }

    /** Whether the guest's console is its virtio console: where it has no serial port. */
    public boolean consoleIsVirtio() {
        return spec.devices().hasConsole() && !options.isaSerial().present();
    }

    /** The same on another hypervisor. */
    public MachinePlan with(Hypervisor other) {
        SelectedHypervisor changed = new SelectedHypervisor(other, selected.why());
        return new MachinePlan(
                spec, extras, name, changed, options, cpus, kernel, start, optionRoms, fwCfg, virtio, devices);
    }

    /** A device that is code, and its place. */
    public record UserDevice(BusDeviceSpec spec, DeviceFactory factory) {
        /** The part of the machine that it is; there may be several of its name. */
        PartPlan part() {
            String name = "%s at %s 0x%x".formatted(spec.name(), spec.port() ? "port" : "address", spec.base());
            return PartPlan.named(name).at(Place.of(spec));
        }
    }
}
