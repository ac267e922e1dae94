package dev.microvm.devices.legacy;

import dev.microvm.bus.BusDevice;
import dev.microvm.state.Stateful;
import java.util.List;

/**
 * A device, or several that are wired together, and what is around it, for scripts that drive it:
 * {@link RigScript}.
 */
public interface Rig {
    /** Registers that a guest can reach. */
    record Window(BusDevice device, int range) {}

    /** All registers of the rig. */
    List<Window> windows();

    /** Whatever has state, in the order in which it is restored. */
    List<Stateful> parts();

    /** Something that happens on the host's side, or elsewhere in the machine. */
    default void event(int what, int argument) {}

    /** What the rig shows to the outside, but for its registers: levels of its lines, say. */
    default String outside() {
        return "";
    }

    /** Checks what must hold at all times. */
    default void check() {}

    /**
     * Makes the surroundings those of another rig of the same kind, before the state of its devices
     * is restored.
     */
    default void surroundAs(Rig other) {}
}
