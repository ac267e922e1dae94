package dev.microvm.machine;

import dev.microvm.boot.BootLayout;
import dev.microvm.boot.FirmwareImage;
import dev.microvm.boot.tables.AcpiConfig;
import dev.microvm.boot.tables.AcpiEntry;
import dev.microvm.machine.PartPlan.Owner;
import dev.microvm.model.BusDeviceSpec;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** All parts of a machine, before anything is open: what is where, and what is wrong with that. */
public final class PlannedParts {
    private static final int PORTS = 0x1_0000;

    /** Memory, where a device would never be asked. */
    private static final PartPlan ROM = PartPlan.named("rom")
            .ownedBy(Owner.HYPERVISOR)
            .at(Place.memory("firmware", BootLayout.ROM_END - FirmwareImage.MAX_SIZE, FirmwareImage.MAX_SIZE));

    private final OptionsPlan options;
    private final List<BusDeviceSpec> devices;
    private final List<PartPlan> parts = new ArrayList<>(); // without the user's devices

    private PlannedParts(OptionsPlan options, List<BusDeviceSpec> devices) {
        this.options = options;
        this.devices = devices;
    }

    /**
     * Plans the parts of a machine.
     *
     * @param firmware whether firmware starts it
     * @param devices that are code
     */
    public static PlannedParts of(
            OptionsPlan options, List<VirtioSlot> virtio, boolean firmware, List<BusDeviceSpec> devices) {
        PlannedParts planned = new PlannedParts(options, List.copyOf(devices));
        PcPart.Setting setting = new PcPart.Setting(options, PcLayout.needsSecondIoApic(virtio.size()));
        for (PcPart part : PcPart.values()) planned.parts.add(part.plan(setting));
        virtio.forEach(slot -> planned.parts.add(slot.part()));
        if (firmware) planned.parts.add(ROM);
        return planned;
    }

    /** What the ACPI tables say of such a machine. */
    public AcpiConfig acpi(int cpus) {
        List<AcpiEntry> entries = new ArrayList<>();
        for (PartPlan part : parts) {
            if (part.owner() != Owner.NOBODY) entries.addAll(part.acpi());
        }
        return new AcpiConfig(cpus, options.timerPin(), entries);
    }

    /** What is wrong with the places of the user's devices. */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        List<Place> taken = new ArrayList<>();
        parts.forEach(part -> taken.addAll(part.places()));
        for (BusDeviceSpec device : devices) {
            Place wanted = Place.of(device);
            Optional<String> problem = outside(wanted).or(() -> overlap(wanted, taken));
            problem.ifPresentOrElse(text -> problems.add(device.option() + ": " + text), () -> taken.add(wanted));
        }
        return problems;
    }

    private static Optional<String> outside(Place wanted) {
        long first = wanted.port() ? 0 : BootLayout.LOW_RAM_MAX;
        long end = wanted.port() ? PORTS : BootLayout.HIGH_RAM;
        if (wanted.size() > 0 && wanted.base() >= first && wanted.base() <= end - wanted.size())
            return Optional.empty();
        return Optional.of(
                "a range inside [0x%x, 0x%x), was [0x%x, +0x%x)".formatted(first, end, wanted.base(), wanted.size()));
    }

    private static Optional<String> overlap(Place wanted, List<Place> taken) {
        return taken.stream()
                .filter(wanted::overlaps)
                .min(Comparator.comparingLong(Place::base))
                .map(there -> "%s bus: %s overlaps %s".formatted(wanted.port() ? "port" : "MMIO", wanted, there));
    }
}
