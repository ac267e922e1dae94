package dev.microvm.state;

/**
 * A part of the machine whose state can be saved and restored. After a restore it continues from
 * where it was saved.
 */
public interface Stateful {
    /** Returns the whole current state. Call it only while the machine is paused. */
    DeviceState save();

    /**
     * Restores a state that {@link #save} returned, in this or an earlier version of the class.
     *
     * @throws IllegalArgumentException if the state is of another type, of an unknown version, or
     *     lacks a field
     */
    void restore(DeviceState state);
}
