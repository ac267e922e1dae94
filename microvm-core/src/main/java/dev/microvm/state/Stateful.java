package dev.microvm.state;

/** A part of the machine whose state can be taken out and put back, so that it goes on as if nothing had happened. */
public interface Stateful {
    /** The whole state at this moment; safe to call while the machine is paused. */
    DeviceState save();

    /**
     * Puts back a state that {@link #save} gave, in this or an earlier version of the class.
     *
     * @throws IllegalArgumentException if the state is of another type, of an unknown version, or lacks a field
     */
    void restore(DeviceState state);
}
