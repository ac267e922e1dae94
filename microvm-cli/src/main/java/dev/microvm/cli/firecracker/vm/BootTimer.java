package dev.microvm.cli.firecracker.vm;

import dev.microvm.bus.BusDevice;

/**
 * Firecracker's boot timer: a guest that has booted writes a byte, and the log says how long that
 * took: {@code src/vmm/src/devices/pseudo/boot_timer.rs}.
 */
final class BootTimer implements BusDevice {
    /** Where it is: the first device of Firecracker's layout. */
    static final long ADDRESS = 0xc000_0000L;

    static final int SIZE = 0x1000;

    private static final int BOOTED = 123; // MAGIC_VALUE_SIGNAL_GUEST_BOOT_COMPLETE
    private static final int NANOS_PER_MICRO = 1000;
    private static final int MICROS_PER_MILLI = 1000;

    private final ApiLog log;
    private final long start = System.nanoTime();

    BootTimer(ApiLog log) {
        this.log = log;
    }

    @Override
    public long read(long offset, int size) {
        return 0;
    }

    @Override
    public void write(long offset, int size, long value) {
        if (offset != 0 || size != 1 || (value & 0xff) != BOOTED) return;
        long micros = (System.nanoTime() - start) / NANOS_PER_MICRO;
        log.info("Guest-boot-time = %6d us %d ms".formatted(micros, micros / MICROS_PER_MILLI));
    }
}
