package dev.microvm.boot.testing;

import java.util.Arrays;
import java.util.random.RandomGenerator;

/**
 * A source of entropy that always returns the same byte, so that a test knows it; guests do not
 * check it.
 */
public record SameByte(int value) implements RandomGenerator {
    @Override
    public long nextLong() {
        throw new AssertionError("bytes are asked for");
    }

    @Override
    public void nextBytes(byte[] bytes) {
        Arrays.fill(bytes, (byte) value);
    }
}
