package dev.microvm.engine.cpu;

/**
 * RFLAGS. The six arithmetic flags are computed when they are read, from two values in {@link Cpu}
 * that every arithmetic instruction leaves:
 *
 * <ul>
 * <li>{@code flagResult}: the result, sign-extended to 64 bits, so that no question needs the
 *     operand's size;
 * <li>{@code flagCarry}: which bits carried or borrowed: bit 63 is the carry out of the operand's
 *     top bit, bit 62 that into it, bit 3 that out of the low nibble. Bits 2 and 1 turn PF and SF
 *     over, for flags that were loaded and match no result. All others are 0.
 * </ul>
 *
 * <p>Source: Intel SDM vol. 1, 3.4.3.
 */
public final class Flags {
    public static final int CF = 1 << 0;
    public static final int RESERVED_1 = 1 << 1; // always set
    public static final int PF = 1 << 2;
    public static final int AF = 1 << 4;
    public static final int ZF = 1 << 6;
    public static final int SF = 1 << 7;
    public static final int TF = 1 << 8;
    public static final int IF = 1 << 9;
    public static final int DF = 1 << 10;
    public static final int OF = 1 << 11;
    public static final int IOPL = 3 << 12;
    public static final int IOPL_SHIFT = 12;
    public static final int NT = 1 << 14;
    public static final int RF = 1 << 16;
    public static final int VM = 1 << 17;
    public static final int AC = 1 << 18;
    public static final int VIF = 1 << 19;
    public static final int VIP = 1 << 20;
    public static final int ID = 1 << 21;

    /** The six that are computed. */
    public static final int ARITHMETIC = CF | PF | AF | ZF | SF | OF;

    /** All that exist beside the six. */
    static final int KEPT = TF | IF | DF | IOPL | NT | RF | VM | AC | VIF | VIP | ID;

    private static final long CARRY_OUT = 1L << 63;
    private static final long CARRY_IN = 1L << 62;
    private static final long CARRY_NIBBLE = 1 << 3;
    private static final long TURN_PARITY = 1 << 2;
    private static final long TURN_SIGN = 1 << 1;
    private static final int TURN_SIGN_SHIFT = 62;

    // A state of CF, OF, SF and ZF, as a number
    private static final int STATE_CARRY_IN = 1;
    private static final int STATE_CARRY_OUT = 2;
    private static final int STATE_SIGN = 4;
    private static final int STATE_NOT_ZERO = 8;

    private Flags() {}

    // What arithmetic leaves

    /** After AND, OR, XOR and TEST; {@code result} sign-extended. */
    public static void logic(Cpu cpu, long result) {
        cpu.flagResult = result;
        cpu.flagCarry = 0;
    }

    /**
     * After an addition of any size.
     *
     * @param unused bits that the operand does not have: 64 less its own
     */
    public static void add(Cpu cpu, long a, long b, long result, int unused) {
        cpu.flagResult = result << unused >> unused;
        cpu.flagCarry = carriesOfAdd(a, b, result, unused);
    }

    /** What {@link #add} leaves in {@code flagCarry}. */
    public static long carriesOfAdd(long a, long b, long result, int unused) {
        long carries = (a & b) | ((a | b) & ~result);
        return ((carries << unused) & (CARRY_OUT | CARRY_IN)) | (carries & CARRY_NIBBLE);
    }

    /** After a subtraction of any size. */
    public static void sub(Cpu cpu, long a, long b, long result, int unused) {
        cpu.flagResult = result << unused >> unused;
        cpu.flagCarry = carriesOfSubtract(a, b, result, unused);
    }

    /** What {@link #sub} leaves in {@code flagCarry}. */
    public static long carriesOfSubtract(long a, long b, long result, int unused) {
        return carriesOfAdd(b, result, a, unused); // what is borrowed is what b + result = a carries
    }

    /**
     * After a multiplication: CF and OF say whether the result is not the product, AF is clear.
     *
     * @param result sign-extended
     * @param lost not 0 if something of the product was lost
     */
    public static void multiplied(Cpu cpu, long result, long lost) {
        cpu.flagResult = result;
        cpu.flagCarry = (lost | -lost) & CARRY_OUT;
    }

    /** Leaves a result with given CF and OF; AF is clear. {@code result} sign-extended. */
    public static void result(Cpu cpu, long result, boolean carry, boolean overflow) {
        cpu.flagResult = result;
        cpu.flagCarry = (carry ? CARRY_OUT : 0) | (carry != overflow ? CARRY_IN : 0);
    }

    /**
     * After a shift; AF is clear.
     *
     * @param result sign-extended
     * @param carryOut CF, as 0 or 1
     * @param carryIn CF exclusive-or OF, as 0 or 1
     */
    public static void shifted(Cpu cpu, long result, long carryOut, long carryIn) {
        cpu.flagResult = result;
        cpu.flagCarry = carryOut << 63 | carryIn << 62;
    }

    /** Changes CF and OF alone, after a rotation; parameters as of {@link #shifted}. */
    public static void rotated(Cpu cpu, long carryOut, long carryIn) {
        cpu.flagCarry = (cpu.flagCarry & ~(CARRY_OUT | CARRY_IN)) | carryOut << 63 | carryIn << 62;
    }

    /**
     * What comparing two floating-point numbers leaves in {@code flagCarry}; {@code flagResult} is 0
     * if they are equal or unordered, else 1.
     *
     * @param order -1, 0, 1, or 2 if one of them is a NaN
     */
    public static long carriesOfOrder(int order) {
        return switch (order) {
            case 0 -> TURN_PARITY; // PF is clear
            case 1 -> 0;
            default -> CARRY_OUT | CARRY_IN;
        };
    }

    /**
     * Gives CF the value that it had with an earlier {@code flagCarry}, and leaves the others
     * alone.
     */
    public static void keepCarry(Cpu cpu, long before) {
        cpu.flagCarry = withCarryOf(cpu.flagCarry, before);
    }

    /** What {@link #keepCarry} makes of {@code flagCarry}. */
    public static long withCarryOf(long carries, long before) {
        long differs = (carries ^ before) & CARRY_OUT;
        return carries ^ (differs | differs >>> 1); // OF is the difference of both
    }

    /** Changes CF alone. */
    public static void carry(Cpu cpu, boolean carry) {
        if (carry(cpu) != carry) cpu.flagCarry ^= CARRY_OUT | CARRY_IN; // OF is their difference
    }

    /** Changes CF and OF alone. */
    public static void carryAndOverflow(Cpu cpu, boolean carry, boolean overflow) {
        cpu.flagCarry = (cpu.flagCarry & ~(CARRY_OUT | CARRY_IN))
                | (carry ? CARRY_OUT : 0)
                | (carry != overflow ? CARRY_IN : 0);
    }

    /** Changes ZF alone. */
    public static void zero(Cpu cpu, boolean zero) {
        long value = zero ? 0 : 1;
        long carries = carriesWithZero(cpu.flagResult, cpu.flagCarry, value);
        cpu.flagResult = resultWithZero(cpu.flagResult, cpu.flagCarry, value);
        cpu.flagCarry = carries;
    }

    /**
     * What {@code flagResult} is after ZF alone changed.
     *
     * @param result what it was
     * @param carries what {@code flagCarry} was
     * @param value 0 if ZF is to be set
     */
    public static long resultWithZero(long result, long carries, long value) {
        if ((value == 0) == (result == 0)) return result;
        return value == 0 ? 0 : sign(result, carries) ? Long.MIN_VALUE : 1;
    }

    /** What {@code flagCarry} is after ZF alone changed; parameters as of {@link #resultWithZero}. */
    public static long carriesWithZero(long result, long carries, long value) {
        boolean zero = value == 0;
        if (zero == (result == 0)) return carries;
        boolean sign = sign(result, carries);
        boolean resultParity = zero || sign; // of 0 and the smallest long; that of 1 is odd
        return (carries & (CARRY_OUT | CARRY_IN | CARRY_NIBBLE))
                | (parity(result, carries) != resultParity ? TURN_PARITY : 0)
                | (zero && sign ? TURN_SIGN : 0);
    }

    // Questions

    public static boolean carry(Cpu cpu) {
        return cpu.flagCarry < 0;
    }

    /** CF as 0 or 1. */
    public static long carryBit(Cpu cpu) {
        return cpu.flagCarry >>> 63;
    }

    public static boolean zero(Cpu cpu) {
        return cpu.flagResult == 0;
    }

    public static boolean sign(Cpu cpu) {
        return (cpu.flagResult ^ (cpu.flagCarry << TURN_SIGN_SHIFT)) < 0;
    }

    public static boolean overflow(Cpu cpu) {
        return (cpu.flagCarry ^ (cpu.flagCarry << 1)) < 0;
    }

    public static boolean parity(Cpu cpu) {
        return parity(cpu.flagResult, cpu.flagCarry);
    }

    /** PF of what {@code flagResult} and {@code flagCarry} hold. */
    public static boolean parity(long result, long carries) {
        long odd = (result & 0xFF) | ((carries & TURN_PARITY) << 6);
        return (Long.bitCount(odd) & 1) == 0;
    }

    public static boolean adjust(Cpu cpu) {
        return (cpu.flagCarry & CARRY_NIBBLE) != 0;
    }

    /** SF differs from OF: less than, of signed numbers. */
    public static boolean less(Cpu cpu) {
        return less(cpu.flagResult, cpu.flagCarry);
    }

    /** The same of what {@code flagResult} and {@code flagCarry} hold. */
    public static boolean less(long result, long carries) {
        return (result ^ (carries << TURN_SIGN_SHIFT) ^ carries ^ (carries << 1)) < 0;
    }

    /** SF of what {@code flagResult} and {@code flagCarry} hold. */
    public static boolean sign(long result, long carries) {
        return (result ^ (carries << TURN_SIGN_SHIFT)) < 0;
    }

    /** OF of what {@code flagCarry} holds. */
    public static boolean overflow(long carries) {
        return (carries ^ (carries << 1)) < 0;
    }

    /**
     * A condition as Jcc, SETcc and CMOVcc number them: Intel SDM vol. 1, appendix B.
     *
     * @param code 0 to 15
     */
    public static boolean condition(Cpu cpu, int code) {
        boolean positive = switch (code >> 1) {
            case 0 -> overflow(cpu);
            case 1 -> carry(cpu);
            case 2 -> zero(cpu);
            case 3 -> carry(cpu) || zero(cpu);
            case 4 -> sign(cpu);
            case 5 -> parity(cpu);
            case 6 -> less(cpu);
            default -> less(cpu) || zero(cpu);
        };
        return positive != ((code & 1) != 0);
    }

    /** Whether {@link #answers} has a table for a condition: not for those of PF. */
    public static boolean hasAnswers(int code) {
        return code >> 1 != 5;
    }

    /**
     * A condition as a table for {@link #holds}: one bit for each state of four flags.
     *
     * @param code as of {@link #condition}, but not one of PF
     */
    public static char answers(int code) {
        int answers = 0;
        for (int state = 0; state < 16; state++) {
            boolean carry = (state & STATE_CARRY_OUT) != 0;
            boolean zero = (state & STATE_NOT_ZERO) == 0;
            boolean sign = (state & STATE_SIGN) != 0;
            boolean overflow = carry != ((state & STATE_CARRY_IN) != 0);
            boolean positive = switch (code >> 1) {
                case 0 -> overflow;
                case 1 -> carry;
                case 2 -> zero;
                case 3 -> carry || zero;
                case 4 -> sign;
                case 6 -> sign != overflow;
                case 7 -> zero || sign != overflow;
                default -> throw new IllegalArgumentException("condition " + code);
            };
            if (positive != ((code & 1) != 0)) answers |= 1 << state;
        }
        return (char) answers;
    }

    /** Whether a condition holds, without a branch for each flag. */
    public static boolean holds(Cpu cpu, int answers) {
        return bit(cpu, answers) != 0;
    }

    /** The same as a number, 1 if it holds, else 0: for what the host should not guess at. */
    public static int bit(Cpu cpu, int answers) {
        long result = cpu.flagResult;
        long carries = cpu.flagCarry;
        int state = (int) (carries >>> 62)
                | (int) ((result ^ (carries << TURN_SIGN_SHIFT)) >>> 63) << 2
                | (int) ((result | -result) >>> 63) << 3;
        return answers >>> state & 1;
    }

    // All of them

    /** The six arithmetic flags at their places in RFLAGS. */
    public static int arithmetic(Cpu cpu) {
        return (carry(cpu) ? CF : 0)
                | (parity(cpu) ? PF : 0)
                | (adjust(cpu) ? AF : 0)
                | (zero(cpu) ? ZF : 0)
                | (sign(cpu) ? SF : 0)
                | (overflow(cpu) ? OF : 0);
    }

    /** Sets the six arithmetic flags. */
    public static void arithmetic(Cpu cpu, int flags) {
        boolean zero = (flags & ZF) != 0;
        boolean sign = (flags & SF) != 0;
        boolean carry = (flags & CF) != 0;
        boolean overflow = (flags & OF) != 0;
        boolean parity = (flags & PF) != 0;
        // A result of 1 has odd parity, 0 and the smallest long even.
        cpu.flagResult = zero ? 0 : sign ? Long.MIN_VALUE : 1;
        boolean resultParity = zero || sign;
        cpu.flagCarry = (carry ? CARRY_OUT : 0)
                | (carry != overflow ? CARRY_IN : 0)
                | ((flags & AF) != 0 ? CARRY_NIBBLE : 0)
                | (parity != resultParity ? TURN_PARITY : 0)
                | (zero && sign ? TURN_SIGN : 0);
    }

    /** RFLAGS. */
    public static int all(Cpu cpu) {
        return cpu.flags | arithmetic(cpu) | RESERVED_1;
    }

    /** Sets RFLAGS; bits that do not exist are ignored. */
    public static void all(Cpu cpu, int flags) {
        arithmetic(cpu, flags);
        cpu.flags = flags & KEPT;
        cpu.flagsChanged();
    }
}
