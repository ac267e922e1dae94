package dev.microvm.engine.oracle;

import dev.microvm.engine.decode.Decoded;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * What some instructions need, so that they do more than fault: selectors, addresses of code, flags
 * that may be set.
 */
final class Special {
    private static final int TF = 1 << 8;
    private static final int AC = 1 << 18;
    private static final int XSTATE_BV = 512;
    private static final long OTHER_COMPONENTS = 0xFF_FFF8; // AVX-512 and later: some processors have some of them
    private static final int MISALIGNED_MASK = 1 << 17; // of MXCSR, AMD's alone

    private Special() {}

    /** Whether the operand's bytes are what is popped. */
    static boolean operandIsOnStack(Decoded d) {
        return switch (d.opcode) {
            case 0x07, 0x17, 0x1F, 0x1A1, 0x1A9, 0x9D, 0xC2, 0xC3, 0xCA, 0xCB, 0xCF -> true;
            default -> false;
        };
    }

    /**
     * POPF, RETF, IRET and POP of a segment: flags must not be random, and no manual says in which
     * order a frame is read, nor whether of a selector 2 bytes are or its whole slot.
     */
    private static boolean mustReachStack(Decoded d) {
        return switch (d.opcode) {
            case 0x07, 0x17, 0x1F, 0x1A1, 0x1A9, 0x9D, 0xCB, 0xCF -> true;
            default -> false;
        };
    }

    /**
     * MASKMOVQ and MASKMOVDQU: whether bytes that the mask leaves out can fault is up to the
     * processor.
     */
    private static boolean isMaskedStore(Decoded d) {
        return d.opcode == 0x1F7;
    }

    /** What of the memory operand matters most. */
    static int operandOffset(Decoded d) {
        return isXrstor(d) ? XSTATE_BV : 0;
    }

    private static boolean isXrstor(Decoded d) {
        return d.opcode == 0x1AE && d.mod != 3 && d.group() == 5 && d.mandatoryPrefix() == 0;
    }

    private static boolean loadsSegment(Decoded d) {
        return switch (d.opcode) {
            case 0x07, 0x17, 0x1F, 0x1A1, 0x1A9, 0x8E, 0x100, 0x102, 0x103 -> true;
            default -> false;
        };
    }

    /** SHLD and SHRD of 16 bits by CL. */
    static boolean isNarrowDoubleShift(Decoded d) {
        return (d.opcode == 0x1A5 || d.opcode == 0x1AD) && d.operandSize == 2;
    }

    private static boolean loadsPointer(Decoded d) {
        return switch (d.opcode) {
            case 0xC4, 0xC5, 0x1B2, 0x1B4, 0x1B5 -> !d.vex;
            default -> false;
        };
    }

    private static boolean readsSelector(Decoded d) {
        return d.opcode == 0x8E || d.opcode == 0x102 || d.opcode == 0x103 || d.opcode == 0x100;
    }

    /** Far transfers through memory. */
    private static boolean jumpsFar(Decoded d) {
        return switch (d.opcode) {
            case 0xCA, 0xCB, 0xCF -> true;
            case 0xFF -> (d.group() == 3 || d.group() == 5) && d.mod != 3;
            default -> false;
        };
    }

    private static boolean jumps(Decoded d) {
        return d.opcode == 0xFF && (d.group() == 2 || d.group() == 4);
    }

    static void adjust(Case c, Decoded d, SplittableRandom random, int[] selectors) {
        if (d.mod == 3) {
            if (readsSelector(d)) {
                int selector = selectors[random.nextInt(selectors.length)];
                c.register(d.rm, (c.register(d.rm) & ~0xFFFFL) | selector);
            }
            if (jumps(d) && d.rm != 4 && random.nextInt(4) != 0) c.register(d.rm, codeAddress(c, random));
        }
        if (mustReachStack(d) || (operandIsOnStack(d) && random.nextInt(4) != 0))
            c.register(4, c.register(4) & ~0x7FFL); // what is popped is ours
        if (isMaskedStore(d)) storeToData(c);
        if (isNarrowDoubleShift(d)) c.register(1, c.register(1) & ~0x10L); // a count above 16: undefined
        boolean xsave = (d.opcode == 0x1AE && d.group() >= 4) || d.opcode == 0x1C7;
        if (xsave && d.mod != 3 && d.group() != 1) {
            c.register(0, random.nextInt(8));
            c.register(2, 0);
        }
    }

    /** Points RDI to where all bytes can be written. */
    private static void storeToData(Case c) {
        c.register(7, UserCaseMachine.DATA + (c.register(7) & 0xFFF));
    }

    private static long codeAddress(Case c, SplittableRandom random) {
        boolean based = c.selector(Case.CS) == UserCaseMachine.LDT_CODE_16
                || c.selector(Case.CS) == UserCaseMachine.LDT_CODE_32;
        return (based ? 0 : UserCaseMachine.CODE) + behindCode(random);
    }

    /** An offset in the code's pages, or a little behind them, where no case is. */
    private static int behindCode(SplittableRandom random) {
        return 0x1400 + random.nextInt(0xC04);
    }

    static void adjustOperand(byte[] operand, Case c, Decoded d, SplittableRandom random, int[] selectors) {
        int selector = selectors[random.nextInt(selectors.length)];
        if (jumpsFar(d)) farPointer(operand, c, d, random, selectors);
        if (loadsSegment(d)) putWord(operand, 0, selector);
        if (loadsPointer(d)) putWord(operand, d.operandSize, selector);
        if (d.opcode == 0x9D) {
            Words.put(operand, 0, Words.get(operand, 0) & ~(long) (TF | AC));
        }
        boolean returns = d.opcode == 0xC2 || d.opcode == 0xC3;
        if ((returns || (jumps(d) && d.mod != 3)) && random.nextInt(4) != 0) {
            Words.put(operand, 0, codeAddress(c, random));
        }
        boolean fxrstor = d.opcode == 0x1AE && d.group() == 1;
        boolean ldmxcsr = d.opcode == 0x1AE && d.group() == 2;
        if (fxrstor && random.nextInt(5) != 0) Words.put(operand, 24, Words.get(operand, 24) & 0xFFFF);
        if (ldmxcsr) Words.put(operand, 0, Words.get(operand, 0) & ~(long) MISALIGNED_MASK);
        if (ldmxcsr && random.nextInt(5) != 0) Words.put(operand, 0, Words.get(operand, 0) & 0xFFFF);
        if (isXrstor(d)) {
            Arrays.fill(operand, (byte) 0);
            Words.put(operand, 0, random.nextInt(8));
            if (random.nextInt(2) == 0) Words.put(operand, 8, 7 | 1L << 63);
            if (random.nextInt(6) == 0) operand[random.nextInt(64)] |= (byte) (1 << random.nextInt(8));
            for (int word = 0; word < 16; word += Long.BYTES) {
                Words.put(operand, word, Words.get(operand, word) & ~OTHER_COMPONENTS);
            }
        }
    }

    /** Offset and selector; for IRET, flags and a stack too. */
    private static void farPointer(byte[] operand, Case c, Decoded d, SplittableRandom random, int[] selectors) {
        final int[] code = {
            UserCaseMachine.CODE_64,
            UserCaseMachine.CODE_32,
            UserCaseMachine.LDT_CODE_16,
            UserCaseMachine.LDT_CODE_32,
            c.selector(Case.CS)
        };
        int selector = random.nextInt(4) == 0
                ? selectors[random.nextInt(selectors.length)]
                : code[random.nextInt(code.length)];
        boolean call = d.opcode == 0xFF && d.group() == 3 && !c.wide();
        if (call && selector == UserCaseMachine.CODE_64)
            selector = UserCaseMachine.CODE_32; // AMD pushes to the stack of 64-bit mode
        boolean based = selector == UserCaseMachine.LDT_CODE_16 || selector == UserCaseMachine.LDT_CODE_32;
        long offset = (based ? 0 : UserCaseMachine.CODE) + behindCode(random);
        final int[] stacks = {
            UserCaseMachine.DATA_32, UserCaseMachine.LDT_DATA_16, UserCaseMachine.LDT_READ_ONLY, 0, selector
        };
        long[] values = {
            offset,
            selector,
            (random.nextInt() & 0xCD5) | 0x202,
            UserCaseMachine.STACK + 0x800,
            stacks[random.nextInt(5)]
        };
        int size = d.operandSize;
        for (int i = 0; i < values.length; i++) {
            for (int at = 0; at < size; at++) operand[i * size + at] = (byte) (values[i] >>> (at * 8));
        }
    }

    private static void putWord(byte[] bytes, int at, int value) {
        bytes[at] = (byte) value;
        bytes[at + 1] = (byte) (value >> 8);
    }
}
