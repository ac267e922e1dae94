package dev.microvm.machine;

import dev.microvm.bus.BusDevice;
import dev.microvm.bus.IoBuses;
import java.util.ArrayList;
import java.util.List;

/** The parts that a machine has made of its plan, on its buses. For one thread. */
final class Parts {
    private final IoBuses buses;
    private final List<Part> made = new ArrayList<>();

    Parts(IoBuses buses) {
        this.buses = buses;
    }

    /** Puts a part on the buses. */
    void add(Part part) {
        List<Place> places = part.plan().places();
        for (int i = 0; i < places.size(); i++) {
            Place at = places.get(i);
            at.on(buses).add(at.base(), at.size(), at.title(), part.devices().get(i));
        }
        made.add(part);
    }

    void add(PcPart part, BusDevice device) {
        add(Part.of(part.plan(), device));
    }

    /** What they were made of. */
    List<PartPlan> plans() {
        return made.stream().map(Part::plan).toList();
    }
}
