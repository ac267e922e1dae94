package dev.microvm;

import dev.microvm.bus.BusDevice;

/** Answers every read with the same value and remembers the last write. */
final class FixedDevice implements BusDevice {
    private final long answer;
    private volatile long written;

    FixedDevice(long answer) {
        this.answer = answer;
    }

    long written() {
        return written;
    }

    @Override
    public long read(long offset, int size) {
        return answer;
    }

    @Override
    public void write(long offset, int size, long value) {
        written = value;
    }
}
