package dev.microvm.engine.fpu;

import dev.microvm.engine.softfloat.FloatExceptions;
import dev.microvm.engine.softfloat.SoftFloat;
import dev.microvm.engine.softfloat.Unpacked;

/**
 * The x87 register stack with its control, status and tag words, and the instructions that only
 * move or mark registers. For one thread: its processor's. Nothing allocates but the scratch
 * numbers of transcendental functions.
 *
 * <p>An exception that is not masked leaves what the instruction would change, sets {@link
 * #ERROR_SUMMARY}, and is for the next waiting instruction to deliver: {@link #errorPending}.
 *
 * <p>Source: Intel SDM vol. 1, 8.1 to 8.3 and 8.5.
 */
public final class X87 {
    /** Registers in the stack. */
    public static final int REGISTERS = 8;

    /** The control word after FNINIT: all exceptions masked, 64 bits of precision, to nearest. */
    public static final int INITIAL_CONTROL = 0x37f;

    // Status word: figure 8-4. Bits 0 to 5 are FloatExceptions.
    /** SF: the stack was too full or too empty; C1 says which. */
    public static final int STACK_FAULT = 1 << 6;

    /** ES: an exception that is not masked waits. */
    public static final int ERROR_SUMMARY = 1 << 7;

    /** Condition code. */
    public static final int C0 = 1 << 8;

    /** Condition code: rounded up, or stack overflow. */
    public static final int C1 = 1 << 9;

    /** Condition code. */
    public static final int C2 = 1 << 10;

    /** Condition code. */
    public static final int C3 = 1 << 14;

    /** B: a copy of {@link #ERROR_SUMMARY}. */
    public static final int BUSY = 1 << 15;

    private static final int TOP_SHIFT = 11;
    private static final int TOP_MASK = 7;
    private static final int CONDITIONS = C0 | C1 | C2 | C3;

    // Control word: figure 8-6.
    private static final int CONTROL_WRITABLE = 0x1f3f; // bit 12, infinity control, has no meaning but is kept
    private static final int CONTROL_ONE = 1 << 6; // reads as one
    private static final int PRECISION_SHIFT = 8;
    private static final int ROUNDING_SHIFT = 10;

    /**
     * What an exponent is moved by when an overflow or underflow is not masked: 8.5.4 and 8.5.5.
     */
    private static final int BIAS_ADJUST = 24576;

    // Arithmetic in software.
    final SoftFloat soft = new SoftFloat();
    final Unpacked a = new Unpacked();
    final Unpacked b = new Unpacked();
    final Wide wide = new Wide();
    int resultSignExponent; // what an operation gives
    long resultSignificand;

    private final long[] significands = new long[REGISTERS]; // by physical number
    private final int[] signExponents = new int[REGISTERS];
    private int used; // bit for each physical register that is not empty
    private int top;
    private int control = INITIAL_CONTROL;
    private int status; // without TOP

    // Last instruction and operand: 8.1.8, which the processor notes.
    private int opcode;
    private int instructionSelector;
    private int operandSelector;
    private long instructionPointer;
    private long operandPointer;

    /** Makes one as after FNINIT. */
    public X87() {}

    // ---- control instructions

    /** FNINIT. */
    public void initialize() {
        control = INITIAL_CONTROL;
        status = 0;
        top = 0;
        used = 0;
        note(0, 0, 0, 0, 0);
    }

    /** What XRSTOR makes of state that is not in its area: as after a reset, registers too. */
    public void clear() {
        initialize();
        for (int i = 0; i < REGISTERS; i++) physical(i, 0, 0);
    }

    /** FNSTCW. */
    public int control() {
        return control;
    }

    /**
     * FLDCW; an exception that waits and is no longer masked, or the other way round, is seen at
     * once.
     */
    public void control(int word) {
        control = (word & CONTROL_WRITABLE) | CONTROL_ONE;
        summarize();
    }

    /** FNSTSW. */
    public int status() {
        return status | (top << TOP_SHIFT);
    }

    /** Sets the status word, as loading an image does; ES and B follow from the rest. */
    public void status(int word) {
        top = (word >> TOP_SHIFT) & TOP_MASK;
        status = word & (FloatExceptions.ALL | STACK_FAULT | CONDITIONS);
        summarize();
    }

    /** FNCLEX. */
    public void clearExceptions() {
        status &= CONDITIONS;
    }

    /** Whether a waiting instruction is to raise #MF, or to signal FERR#. */
    public boolean errorPending() {
        return (status & ERROR_SUMMARY) != 0;
    }

    private void summarize() {
        boolean waits = (status & ~control & FloatExceptions.ALL) != 0;
        status = waits ? status | ERROR_SUMMARY | BUSY : status & ~(ERROR_SUMMARY | BUSY);
    }

    /**
     * Notes the instruction that executes, for the images: what is not a control instruction does.
     */
    public void note(int newOpcode, int cs, long ip, int ds, long operand) {
        opcode = newOpcode & 0x7ff;
        instructionSelector = cs & 0xffff;
        instructionPointer = ip;
        operandSelector = ds & 0xffff;
        operandPointer = operand;
    }

    int opcode() {
        return opcode;
    }

    int instructionSelector() {
        return instructionSelector;
    }

    int operandSelector() {
        return operandSelector;
    }

    long instructionPointer() {
        return instructionPointer;
    }

    long operandPointer() {
        return operandPointer;
    }

    // ---- the stack

    private int physical(int i) {
        return (top + i) & TOP_MASK;
    }

    /** Sign and exponent of ST(i). */
    public int signExponent(int i) {
        return signExponents[physical(i)];
    }

    /** Significand of ST(i). */
    public long significand(int i) {
        return significands[physical(i)];
    }

    /** Whether ST(i) is empty. */
    public boolean isEmpty(int i) {
        return (used & (1 << physical(i))) == 0;
    }

    /** Sets ST(i), which is not empty from then on. */
    public void set(int i, int signExponent, long significand) {
        int at = physical(i);
        signExponents[at] = signExponent & 0xffff;
        significands[at] = significand;
        used |= 1 << at;
    }

    /** FFREE. */
    public void free(int i) {
        used &= ~(1 << physical(i));
    }

    /** FFREEP. */
    public void freeAndPop(int i) {
        free(i);
        pop();
    }

    /** FINCSTP. */
    public void incrementTop() {
        top = (top + 1) & TOP_MASK;
        conditions(C1, 0);
    }

    /** FDECSTP. */
    public void decrementTop() {
        top = (top - 1) & TOP_MASK;
        conditions(C1, 0);
    }

    /** Frees ST(0) and goes to the next. */
    void pop() {
        free(0);
        top = (top + 1) & TOP_MASK;
    }

    /** Pushes; the caller asked {@link #canPush}. */
    void push(int signExponent, long significand) {
        top = (top - 1) & TOP_MASK;
        set(0, signExponent, significand);
    }

    /**
     * Whether there is room. If not, that is a stack overflow: masked, it pushes the indefinite.
     */
    boolean canPush() {
        conditions(C1, 0);
        if ((used & (1 << physical(-1))) == 0) return true;
        status |= C1;
        if (signal(FloatExceptions.INVALID | STACK_FAULT)) {
            push(Extended.INDEFINITE_SIGN_EXPONENT, Extended.INDEFINITE_SIGNIFICAND);
        }
        return false;
    }

    /** Says that an operand is empty; returns whether that is masked. */
    boolean stackUnderflow() {
        conditions(C1, 0);
        return signal(FloatExceptions.INVALID | STACK_FAULT);
    }

    /** Abridged tags, a bit for each physical register that is not empty: FXSAVE. */
    public int used() {
        return used;
    }

    /** Sets the abridged tags. */
    public void used(int mask) {
        used = mask & 0xff;
    }

    // ---- MMX registers are the significands by physical number

    /** MMi. */
    public long mmx(int i) {
        return significands[i];
    }

    /** Sets MMi: SDM vol. 1, 9.6.2. */
    public void mmx(int i, long value) {
        significands[i] = value;
        signExponents[i] = 0xffff;
    }

    /** What every MMX instruction but EMMS does to the stack. */
    public void enterMmx() {
        top = 0;
        used = 0xff;
    }

    /** EMMS. */
    public void emptyMmx() {
        top = 0;
        used = 0;
    }

    /** Physical register's sign and exponent. */
    int signExponentOfPhysical(int i) {
        return signExponents[i];
    }

    void physical(int i, int signExponent, long significand) {
        signExponents[i] = signExponent & 0xffff;
        significands[i] = significand;
    }

    // ---- what instructions share

    /** Rounding control: {@link dev.microvm.engine.softfloat.Rounding}. */
    int rounding() {
        return (control >> ROUNDING_SHIFT) & 0b11;
    }

    /** Precision control in bits: table 8-2; the reserved value counts as the full one. */
    int precision() {
        return switch ((control >> PRECISION_SHIFT) & 0b11) {
            case 0b00 -> Unpacked.FLOAT_PRECISION;
            case 0b10 -> Unpacked.DOUBLE_PRECISION;
            default -> Unpacked.EXTENDED_PRECISION;
        };
    }

    /** Exceptions that are masked. */
    int masked() {
        return control & FloatExceptions.ALL;
    }

    /** Sets flags; returns whether all of them are masked. */
    boolean signal(int exceptions) {
        status |= exceptions;
        if ((exceptions & ~control & FloatExceptions.ALL) == 0) return true;
        status |= ERROR_SUMMARY | BUSY;
        return false;
    }

    /** Sets condition codes among {@code which} to {@code values}. */
    void conditions(int which, int values) {
        status = (status & ~which) | values;
    }

    /** The result is this number. */
    void result(int signExponent, long significand) {
        resultSignExponent = signExponent;
        resultSignificand = significand;
    }

    /** The result is the indefinite, of an invalid operation. */
    void invalid() {
        soft.raise(FloatExceptions.INVALID);
        result(Extended.INDEFINITE_SIGN_EXPONENT, Extended.INDEFINITE_SIGNIFICAND);
    }

    /** Rounds what {@link #soft} has to an extended double of some precision: the result. */
    void round(int precision) {
        soft.round(precision, Extended.LEAST_EXPONENT, Extended.MOST_EXPONENT, rounding(), masked());
        int unmasked = soft.raised() & ~masked();
        if ((unmasked & FloatExceptions.OVERFLOW) != 0) adjust(-BIAS_ADJUST);
        else if ((unmasked & FloatExceptions.UNDERFLOW) != 0) adjust(BIAS_ADJUST);
        result(soft.result.toExtendedSignExponent(), soft.result.toExtendedSignificand());
    }

    /**
     * Moves the exponent; what is out of range even then is infinity or zero: SDM vol. 2, FSCALE.
     */
    private void adjust(int by) {
        soft.result.scale(by);
        int exponent = soft.result.exponent();
        if (exponent > Extended.MOST_EXPONENT) soft.replaceByInfinity();
        else if (exponent < Extended.LEAST_EXPONENT) soft.replaceByZero();
    }

    /**
     * Signals what is wrong with the operands; returns whether the operation continues. C1 is that
     * of the result.
     */
    boolean before() {
        int raised = soft.raised();
        if ((raised & (FloatExceptions.INVALID | FloatExceptions.DIVIDE_BY_ZERO)) != 0) {
            raised &= ~FloatExceptions.DENORMAL; // 4.9.2
        }
        conditions(C1, 0);
        return signal(raised & FloatExceptions.BEFORE);
    }

    /** Signals what is wrong with the result, which is stored; ends the operation. */
    void after() {
        int raised = soft.raised() & ~FloatExceptions.BEFORE;
        if ((raised & FloatExceptions.PRECISION) != 0 && soft.roundedUp()) status |= C1;
        signal(raised);
    }
}
