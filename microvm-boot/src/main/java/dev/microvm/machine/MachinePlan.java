package dev.microvm.machine;

import dev.microvm.boot.KernelImage;
import dev.microvm.bus.DeviceFactory;
import dev.microvm.clock.GuestClock;
import dev.microvm.console.ConsoleOpener;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.devices.firmware.FwCfg;
import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.BusDeviceSpec;
import dev.microvm.model.HaltAction;
import dev.microvm.model.MachineSpec;
import dev.microvm.model.ResetAction;
import dev.microvm.model.RestartLimit;
import dev.microvm.model.TimedInput;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A decided machine, made by {@link MachinePlanner} from a description. It opens nothing. Each run
 * makes a {@link PcMachine} from it.
 *
 * @param spec the description
 * @param extras the user's code
 * @param name of the machine and its threads
 * @param selected what runs its vCPUs, and why
 * @param options which parts the machine has
 * @param cpus its vCPUs
 * @param kernel the kernel to start; null if firmware finds one itself
 * @param start how the guest begins
 * @param optionRoms whether firmware finds the option ROMs
 * @param fwCfg the items that firmware and guest can read from the host
 * @param virtio its virtio devices, by slot
 * @param devices the user's own devices at ports and addresses
 */
public record MachinePlan(
        MachineSpec spec,
        HostExtras extras,
        String name,
        SelectedHypervisor selected,
        OptionsPlan options,
        CpuPlan cpus,
        @Nullable KernelImage kernel,
        GuestStart start,
        Decision optionRoms,
        FwCfg.Builder fwCfg,
        List<VirtioSlot> virtio,
        List<UserDevice> devices) {
    /** Takes copies of the lists. */
    public MachinePlan {
        virtio = List.copyOf(virtio);
        devices = List.copyOf(devices);
    }

    /** Returns what runs the vCPUs. */
    public Hypervisor hypervisor() {
        return selected.hypervisor();
    }

    /** Returns why that hypervisor was selected. */
    public String choice() {
        return selected.why();
    }

    /** Returns the number of vCPUs. */
    public int vcpus() {
        return cpus.vcpus();
    }

    /** Returns the results of CPUID on a vCPU. */
    public List<CpuidEntry> cpuid(int vcpu) {
        return start instanceof GuestStart.Continue from
                ? from.state().vcpus().get(vcpu).cpuid()
                : cpus.cpuid(vcpu);
    }

    /** Returns the frequency that time-stamp counters are to have, in kHz; 0 for the hypervisor's. */
    public long tscKhz() {
        return start instanceof GuestStart.Continue from
                ? from.state().vcpus().getFirst().tscKhz()
                : cpus.tscKhz();
    }

    /** Returns the size of RAM in bytes. */
    public long memorySize() {
        return spec.memory().bytes();
    }

    /** Returns the host memory behind the RAM. */
    public RamBacking ram() {
        return start instanceof GuestStart.Continue from
                ? from.memory().backing()
                : spec.memory().backing();
    }

    /** Returns what follows a reset: a machine that continues another one has nothing to boot. */
    public ResetAction onReset() {
        return start instanceof GuestStart.Continue
                ? ResetAction.END
                : spec.options().onReset();
    }

    /** Returns how often a reset starts the machine again. */
    public RestartLimit restartLimit() {
        return spec.options().restartLimit();
    }

    /** Returns what follows when the guest has halted for good. */
    public HaltAction onHalt() {
        return spec.options().onHalt();
    }

    /** Returns what drives guest time. */
    public GuestClock clock() {
        return spec.clock().clock();
    }

    /**
     * Returns the time source of the real-time clock, for a machine that follows the host's clock.
     */
    public InstantSource rtcClock() {
        InstantSource own = extras.rtcClock();
        return own == null ? InstantSource.system() : own;
    }

    /** Returns what opens the target of the console. */
    public ConsoleOpener console() {
        ConsoleOpener own = extras.console();
        return own == null ? ConsoleOpener.of(spec.console()) : own;
    }

    /** Returns the text to type into the serial port at given times. */
    public List<TimedInput> typed() {
        return spec.clock().typed();
    }

    /** Returns the host ends of its virtio devices, which last through all runs. */
    public List<HostEnd> hostEnds() {
        return virtio.stream()
                .map(VirtioSlot::factory)
                .filter(HostEnd.class::isInstance)
                .map(HostEnd.class::cast)
                .toList();
    }

    /** Returns the host end of a kind, if the machine has such a device. */
    public <T extends HostEnd> Optional<T> hostEnd(Class<T> kind) {
        return hostEnds().stream().filter(kind::isInstance).map(kind::cast).findFirst();
    }

    /** Whether the guest's console is its virtio console, because it has no serial port. */
    public boolean consoleIsVirtio() {
        return spec.devices().hasConsole() && !options.isaSerial().present();
    }

    /** The same on another hypervisor. */
    public MachinePlan with(Hypervisor other) {
        SelectedHypervisor changed = new SelectedHypervisor(other, selected.why(), selected.limit());
        return new MachinePlan(
                spec, extras, name, changed, options, cpus, kernel, start, optionRoms, fwCfg, virtio, devices);
    }

    /** A user's own device and its place. */
    public record UserDevice(BusDeviceSpec spec, DeviceFactory factory) {
        /** Returns the plan of its part; several devices may have the same name. */
        PartPlan part() {
            String name = "%s at %s 0x%x".formatted(spec.name(), spec.port() ? "port" : "address", spec.base());
            return PartPlan.named(name).at(Place.of(spec));
        }
    }
}
