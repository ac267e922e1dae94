package dev.microvm.engine.oracle;

import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.decode.Decoder;
import java.util.List;

/**
 * The faults with which one instruction of a {@link Case} may end. Where several of its accesses
 * fault, processors choose: all faults of its execution have one priority, and their order is the
 * implementation's (Intel SDM vol. 3A, table 6-2; AMD APM vol. 2, table 8-8).
 */
final class PossibleFaults {
    private final Case c;
    private final Decoded d;
    private final List<MemoryAccess> accesses;

    private PossibleFaults(Case c, Decoded d, List<MemoryAccess> accesses) {
        this.c = c;
        this.d = d;
        this.accesses = accesses;
    }

    /**
     * Returns those of the instruction that a case is about.
     *
     * @param outcome with the registers at the fault, which of a repeated instruction are not those
     *     of the start
     */
    static PossibleFaults of(Case c, Expectation e, Outcome outcome) {
        Decoder decoder = new Decoder();
        byte[] code = c.code();
        decoder.decode(code, e.at(), code.length, mode(c));
        Decoded d = decoder.decoded();
        long next = c.rip() + d.end;
        boolean kept = !e.allows(Latitude.REGISTERS_AT_FAULT);
        return new PossibleFaults(c, d, Accesses.of(c, d, n -> kept ? outcome.register(n) : c.register(n), next));
    }

    private static CodeMode mode(Case c) {
        if (c.wide()) return CodeMode.BITS_64;
        return c.selector(Case.CS) == UserCaseMachine.LDT_CODE_16 ? CodeMode.BITS_16 : CodeMode.BITS_32;
    }

    boolean contains(Fault fault) {
        for (MemoryAccess access : accesses) if (access.canRaise(fault)) return true;
        return switch (fault.vector()) {
            case Fault.PROTECTION -> isOfTarget(fault) || (fault.error() == 0 && isOfNoAccess());
            case Fault.SEGMENT_NOT_PRESENT, Fault.STACK -> isOfTarget(fault);
            case Fault.X87 -> isX87() && hasPendingException();
            default -> false;
        };
    }

    /**
     * Whether the code or the stack to which it transfers may be refused: with any selector if it
     * is far.
     */
    private boolean isOfTarget(Fault fault) {
        return switch (d.opcode) {
            case 0x9A, 0xCA, 0xCB, 0xCF -> true;
            case 0xE8, 0xC2, 0xC3 -> fault.vector() == Fault.PROTECTION && fault.error() == 0;
            case 0xFF ->
                d.group() == 3
                        || d.group() == 5
                        || (d.group() == 2 && fault.vector() == Fault.PROTECTION && fault.error() == 0);
            default -> false;
        };
    }

    /** Whether it needs privilege or a permission map, or refuses what it loads. */
    private boolean isOfNoAccess() {
        boolean memory = d.mod != 3;
        return switch (d.opcode) {
            case 0x6C, 0x6D, 0x6E, 0x6F -> true; // INS, OUTS
            case 0x100 -> d.group() == 2 || d.group() == 3; // LLDT, LTR
            case 0x101 -> memory && d.group() != 4; // LGDT, LIDT, LMSW, INVLPG
            case 0x1AE -> memory && (d.group() == 1 || d.group() == 5); // FXRSTOR, XRSTOR
            default -> false;
        };
    }

    private boolean isX87() {
        return d.opcode >= 0xD8 && d.opcode <= 0xDF;
    }

    private boolean hasPendingException() {
        byte[] image = c.fxsave();
        int control = image[0];
        int status = image[2];
        return (status & ~control & 0x3F) != 0;
    }

    /**
     * Whether a part of what it stores may be in memory after a fault: Intel SDM vol. 3A, 8.1.1.
     */
    static boolean mayStoreInParts(Decoded d) {
        final int quadword = 8;
        if (d.mod == 3) return d.opcode == 0x1F7;
        MemoryOperand operand = MemoryOperand.of(d);
        return operand.kind() != MemoryAccess.Kind.READ && operand.bytes() > quadword;
    }
}
