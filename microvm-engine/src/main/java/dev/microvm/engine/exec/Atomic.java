package dev.microvm.engine.exec;

import dev.microvm.engine.memory.HostMemory;

/** Atomic access to host memory of any operand size, inside of 8 aligned bytes. */
public final class Atomic {
    private Atomic() {}

    public static long get(long host, int size) {
        return switch (size) {
            case 1 -> HostMemory.get8(host);
            case 2 -> HostMemory.get16(host);
            case 4 -> HostMemory.get32(host) & 0xFFFF_FFFFL;
            default -> HostMemory.get64(host);
        };
    }

    public static boolean compareAndSet(long host, int size, long expected, long value) {
        if (size == 8) return HostMemory.compareAndSet64(host, expected, value);
        if (size == 4 && (host & 3) == 0) return HostMemory.compareAndSet32(host, (int) expected, (int) value);
        return compareAndSetPart(host, size, expected, value);
    }

    /** Changes it as part of the 8 bytes around it: Java has no narrower exchange. */
    private static boolean compareAndSetPart(long host, int size, long expected, long value) {
        long around = host & -Long.BYTES;
        int shift = (int) (host & Long.BYTES - 1) * Byte.SIZE;
        long mask = (1L << (size * Byte.SIZE)) - 1;
        while (true) {
            long whole = HostMemory.get64(around);
            if ((whole >>> shift & mask) != (expected & mask)) return false;
            long changed = (whole & ~(mask << shift)) | (value & mask) << shift;
            if (HostMemory.compareAndSet64(around, whole, changed)) return true;
        }
    }
}
