package dev.microvm.bench;

import dev.microvm.bus.BusDevice;

/** Counts the guest's accesses. For one thread. */
final class CountingDevice implements BusDevice {
    private long accesses;

    /** Returns the number of reads and writes. */
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
