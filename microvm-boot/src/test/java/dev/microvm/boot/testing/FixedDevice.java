package dev.microvm.boot.testing;

import dev.microvm.bus.BusDevice;

/** Answers every read with the same value and remembers the last write. */
public final class FixedDevice implements BusDevice {
    private final long answer;
    private volatile long written;

    public FixedDevice(long answer) {
        this.answer = answer;
    }

    public long written() {
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
