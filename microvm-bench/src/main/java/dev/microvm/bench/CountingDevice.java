package dev.microvm.bench;

import dev.microvm.bus.BusDevice;

/** Counts what the guest does to it. For one thread. */
final class CountingDevice implements BusDevice {
    private long accesses;

    /** How many reads and writes there were. */
    long accesses() {
        return accesses;
    }

    @Override
    public long read(long offset, int size) {
        return ++accesses;
    }

    @Override
    public void write(long offset, int size, long value) {
        accesses++;
    }
}
