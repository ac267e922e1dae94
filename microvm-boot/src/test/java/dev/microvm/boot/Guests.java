package dev.microvm.boot;

import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** What the tests of this package start guests with. */
final class Guests {
    static final long RAM_SIZE = 64L << 20;

    private Guests() {}

    /** So much RAM from 0, which is freed when nobody has it any more. */
    static GuestMemory memory(long size) {
        return new GuestMemory(List.of(new GuestMemoryRegion(0, Arena.ofAuto().allocate(size, 4096), false)));
    }

    /** Bytes that compress, though not to nothing. */
    static byte[] content(int size) {
        Random random = new Random(42);
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) (i % 97 < 60 ? random.nextInt(4) : i >>> 7);
        }
        return bytes;
    }

    /** A file in {@code folder}. */
    static Path file(Path folder, byte[] bytes) {
        try {
            return Files.write(Files.createTempFile(folder, "image", ""), bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
