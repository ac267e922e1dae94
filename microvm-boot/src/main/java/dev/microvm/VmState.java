package dev.microvm;

/** Where in its life a {@link MicroVm} is. */
public enum VmState {
    /** Described and checked; nothing is open. */
    NEW,
    /** Its vCPUs run. */
    RUNNING,
    /** It was {@linkplain MicroVm#pause paused}: its vCPUs, devices and time stand still. */
    PAUSED,
    /** The guest is over, by itself or by {@link MicroVm#stop}; its console can still be read. */
    ENDED,
    /** All that it held is freed. */
    CLOSED
}
