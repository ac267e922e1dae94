package dev.microvm.engine.exec;

import dev.microvm.engine.memory.HostMemory;

/** Atomic access to host memory of any operand size, at addresses that are aligned to it. */
final class Atomic {
    private Atomic() {}

    static long get(long host, int size) {
        return switch (size) {
            case 1 -> HostMemory.get8(host);
            case 2 -> HostMemory.get16(host);
            case 4 -> HostMemory.get32(host) & 0xFFFF_FFFFL;
            default -> HostMemory.get64(host);
        };
    }

    static boolean compareAndSet(long host, int size, long expected, long value) {
        return switch (size) {
            case 8 -> HostMemory.compareAndSet64(host, expected, value);
            case 4 -> HostMemory.compareAndSet32(host, (int) expected, (int) value);
            default -> compareAndSetPart(host, size, (int) expected, (int) value);
        };
    }

    /** Bytes and words change as part of the double word around them: Java has no narrower exchange. */
    private static boolean compareAndSetPart(long host, int size, int expected, int value) {
        long around = host & -4L;
        int shift = (int) (host & 3) * Byte.SIZE;
        int mask = (1 << (size * Byte.SIZE)) - 1;
        while (true) {
            int whole = HostMemory.get32(around);
            if ((whole >>> shift & mask) != (expected & mask)) return false;
            int changed = (whole & ~(mask << shift)) | (value & mask) << shift;
            if (HostMemory.compareAndSet32(around, whole, changed)) return true;
        }
    }
}
