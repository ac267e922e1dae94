package dev.microvm.hypervisor;

import java.util.Objects;

/**
 * A hardware breakpoint that a debugger sets in a guest: Intel SDM vol. 3B, 18.2.
 *
 * @param kind access that hits it
 * @param address linear address, a multiple of {@code length}
 * @param length bytes: 1, 2, 4 or 8; 1 for {@link Kind#EXECUTE}
 */
public record Breakpoint(Kind kind, long address, int length) {
    /** The kind of access that hits a breakpoint. */
    public enum Kind {
        /** An instruction is about to run. */
        EXECUTE,
        /** A byte was written. */
        WRITE,
        /** A byte was read or written, but not fetched as code. */
        READ_WRITE
    }

    /**
     * Checks the length and the alignment; throws {@link IllegalArgumentException} if the processor
     * would not accept them.
     */
    public Breakpoint {
        Objects.requireNonNull(kind, "kind");
        boolean known = length == 1 || length == 2 || length == 4 || length == 8;
        if (!known || (kind == Kind.EXECUTE && length != 1) || (address & length - 1) != 0) {
            throw new IllegalArgumentException(("breakpoint %s of %d bytes at 0x%x:"
                            + " must have 1, 2, 4 or 8 bytes (1 for EXECUTE), at a multiple of its length")
                    .formatted(kind, length, address));
        }
    }

    /** Returns a breakpoint at the instruction at a linear address. */
    public static Breakpoint at(long address) {
        return new Breakpoint(Kind.EXECUTE, address, 1);
    }
}
