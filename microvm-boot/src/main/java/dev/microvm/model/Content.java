package dev.microvm.model;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Bytes for the guest, in memory or in a file that is read when the guest starts or asks for them.
 */
public sealed interface Content {
    /** The bytes of {@code file}. */
    static Content of(Path file) {
        return new InFile(file);
    }

    /** Bytes in memory. The array is not copied: leave it unchanged. */
    static Content of(byte[] bytes) {
        return new Bytes(bytes);
    }

    /** The bytes of a file. */
    record InFile(Path file) implements Content {
        /** Refuses null. */
        public InFile {
            Objects.requireNonNull(file, "file");
        }
    }

    /** Bytes in memory, compared by value. */
    final class Bytes implements Content {
        private final byte[] bytes;

        private Bytes(byte[] bytes) {
            Objects.requireNonNull(bytes, "bytes");
            this.bytes = bytes;
        }

        /** Returns the bytes, not a copy: leave them unchanged. */
        public byte[] bytes() {
            return bytes;
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Bytes that && Arrays.equals(bytes, that.bytes);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(bytes);
        }

        @Override
        public String toString() {
            return bytes.length + " bytes";
        }
    }
}
