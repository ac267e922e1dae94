package dev.microvm.machine;

import dev.microvm.bus.BusDevice;
import dev.microvm.state.Stateful;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A part of a machine that was made by its plan.
 *
 * @param plan what was planned
 * @param devices who answers at each of the plan's places, in their order
 * @param state what can be saved of it; null if nothing can
 */
record Part(
        PartPlan plan, List<BusDevice> devices, @Nullable Stateful state) {
    Part {
        if (devices.size() != plan.places().size()) {
            throw new IllegalArgumentException("%s: %d devices for %d places"
                    .formatted(plan.name(), devices.size(), plan.places().size()));
        }
        devices = List.copyOf(devices);
    }

    /** A part with one place. */
    static Part of(PartPlan plan, BusDevice device) {
        return new Part(plan, List.of(device), device instanceof Stateful state ? state : null);
    }
}
