package dev.microvm.hypervisor;

/**
 * A hardware breakpoint that a debugger sets in a guest: Intel SDM vol. 3B, 18.2.
 *
 * @param kind what hits it
 * @param address linear; a multiple of {@code length}
 * @param length bytes: 1, 2, 4 or 8; 1 for {@link Kind#EXECUTE}
 */
public record Breakpoint(Kind kind, long address, int length) {
    /** What hits a breakpoint. */
    public enum Kind {
        /** An instruction is about to run. */
        EXECUTE,
        /** A byte was written. */
        WRITE,
        /** A byte was read or written, but not fetched as code. */
        READ_WRITE
    }

    /** Checks what the processor demands. */
    public Breakpoint {
        boolean known = length == 1 || length == 2 || length == 4 || length == 8;
        if (!known || (kind == Kind.EXECUTE && length != 1) || (address & length - 1) != 0) {
            throw new IllegalArgumentException(
                    "breakpoint %s of %d bytes at 0x%x: must be 1, 2, 4 or 8 bytes (1 for EXECUTE), at a multiple of that"
                            .formatted(kind, length, address));
        }
    }

    /** A breakpoint at an instruction. */
    public static Breakpoint at(long address) {
        return new Breakpoint(Kind.EXECUTE, address, 1);
    }
}
