package dev.microvm.boot.image;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/** Collects what a stream unpacks to, with heap from the budget. */
final class UnpackedBytes {
    private static final int FIRST_SIZE = 256 * 1024; // bytes

    private UnpackedBytes() {}

    /** Returns the first {@code max} bytes of {@code in}, or all if there are fewer. */
    static byte[] read(InputStream in, int max, UnpackingHeap heap) throws IOException {
        int first = Math.min(max, FIRST_SIZE);
        heap.accept(first);
        byte[] bytes = new byte[first];
        int size = in.readNBytes(bytes, 0, first);
        while (size == bytes.length && size < max) {
            int larger = (int) Math.min(max, 2L * size);
            heap.accept(larger);
            bytes = Arrays.copyOf(bytes, larger);
            size += in.readNBytes(bytes, size, larger - size);
        }
        return Arrays.copyOf(bytes, size);
    }
}
