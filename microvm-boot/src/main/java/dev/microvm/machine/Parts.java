package dev.microvm.machine;

import dev.microvm.bus.BusDevice;
import dev.microvm.bus.IoBuses;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;

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

    /** The state of each part that has one, by its name. */
    SequencedMap<String, DeviceState> save() {
        SequencedMap<String, DeviceState> states = new LinkedHashMap<>();
        for (Part part : made) {
            if (part.state() != null)
                states.put(part.plan().name(), part.state().save());
        }
        return Collections.unmodifiableSequencedMap(states);
    }

    /**
     * Puts the states of all parts back, in the order in which they were added.
     *
     * @throws IllegalArgumentException if one is missing or of another kind, or nobody has it
     */
    void restore(Map<String, DeviceState> states) {
        Set<String> names = made.stream()
                .filter(part -> part.state() != null)
                .map(part -> part.plan().name())
                .collect(Collectors.toCollection(LinkedHashSet::new));
        if (!names.equals(states.keySet())) {
            throw new IllegalArgumentException(
                    "states of the devices %s given to a machine that has %s".formatted(states.keySet(), names));
        }
        for (Part part : made) {
            DeviceState state = states.get(part.plan().name());
            if (part.state() != null && state != null) restore(part.state(), state, part.plan());
        }
    }

    /** A state comes from a file that may be anything, so all that a device throws means that. */
    private static void restore(Stateful device, DeviceState state, PartPlan plan) {
        try {
            device.restore(state);
        } catch (RuntimeException e) {
            throw new IllegalArgumentException(
                    "the state of %s is refused: %s".formatted(plan.name(), e.getMessage()), e);
        }
    }

    /** What they were made of. */
    List<PartPlan> plans() {
        return made.stream().map(Part::plan).toList();
    }
}
