package dev.microvm;

/** The state of a {@link MicroVm}; it changes in the order of the constants. */
public enum VmState {
    /** Described and checked, and perhaps just being started by another thread. */
    NEW,
    /** Started; its vCPUs run. */
    RUNNING,
    /** It was {@linkplain MicroVm#pause paused}: its vCPUs, devices and time stand still. */
    PAUSED,
    /** The guest ended, by itself or by {@link MicroVm#stop}; its console can still be read. */
    ENDED,
    /** Everything is freed. */
    CLOSED
}
