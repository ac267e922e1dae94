package dev.microvm.machine;

import dev.microvm.boot.tables.AcpiEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Function;

/**
 * A part of a machine, before anything of it is made. {@link Part} is what it becomes.
 *
 * @param name by which its saved state is kept: no other part of the machine has it
 * @param owner who has it
 * @param places where it is on the buses; none if it is on neither
 * @param irq its global system interrupt, if it has one
 * @param acpi what the ACPI tables say of it
 */
public record PartPlan(String name, Owner owner, List<Place> places, OptionalInt irq, List<AcpiEntry> acpi) {
    /** Who has a part. */
    public enum Owner {
        /** The machine makes a device and puts it on the bus. */
        MACHINE,
        /** The hypervisor answers there, before the bus is asked. */
        HYPERVISOR,
        /** There is none, and its place stays free for it. */
        NOBODY
    }

    /** Copies the lists. */
    public PartPlan {
        places = List.copyOf(places);
        acpi = List.copyOf(acpi);
    }

    /** Begins the plan of a part of the machine's own. */
    static PartPlan named(String name) {
        return new PartPlan(name, Owner.MACHINE, List.of(), OptionalInt.empty(), List.of());
    }

    PartPlan ownedBy(Owner value) {
        return new PartPlan(name, value, places, irq, acpi);
    }

    PartPlan at(Place... value) {
        return new PartPlan(name, owner, List.of(value), irq, acpi);
    }

    PartPlan gsi(int value) {
        return new PartPlan(name, owner, places, OptionalInt.of(value), acpi);
    }

    /** Adds what the ACPI tables say of it. */
    PartPlan acpi(AcpiEntry entry) {
        List<AcpiEntry> more = new ArrayList<>(acpi);
        more.add(entry);
        return new PartPlan(name, owner, places, irq, more);
    }

    /** The same, as it follows from its place and interrupt. */
    PartPlan acpi(Function<PartPlan, AcpiEntry> entry) {
        return acpi(entry.apply(this));
    }

    /**
     * Its global system interrupt.
     *
     * @throws IllegalStateException if it has none
     */
    int gsi() {
        return irq.orElseThrow(() -> new IllegalStateException(name + " has no interrupt"));
    }

    /** The first of its places, which it must have. */
    Place place() {
        return places.getFirst();
    }

    /** The first port of it. */
    int port() {
        return Math.toIntExact(place().base());
    }
}
