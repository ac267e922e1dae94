package dev.microvm.engine.simd;

import dev.microvm.engine.softfloat.FloatExceptions;
import dev.microvm.engine.softfloat.Rounding;
import dev.microvm.engine.softfloat.SoftFloat;
import dev.microvm.engine.softfloat.Unpacked;

/**
 * MXCSR of one processor, and what its instructions compute with. An instruction collects what its
 * elements raise, then {@linkplain #commit commits}: unless that is to fault, the flags are set and
 * the result may be written. For one thread.
 *
 * <p>Source: Intel SDM vol. 1, 10.2.3 and 11.5.
 */
public final class Mxcsr {
    /** After reset: all exceptions masked, rounding to nearest. */
    public static final int RESET = 0x1f80;

    /**
     * Bits that may be set; others are a general-protection fault: what MXCSR_MASK of FXSAVE is to
     * be.
     */
    public static final int MASK = 0xffff;

    private static final int DENORMALS_ARE_ZEROS = 1 << 6;
    private static final int MASKS_SHIFT = 7;
    private static final int ROUNDING_SHIFT = 13;
    private static final int ROUNDING_MASK = 0b11;
    private static final int FLUSH_TO_ZERO = 1 << 15;
    private static final int ALL_MASKED_NEAREST = FloatExceptions.ALL << MASKS_SHIFT;

    // For the elements' arithmetic in software.
    final SoftFloat soft = new SoftFloat();
    final Unpacked a = new Unpacked();
    final Unpacked b = new Unpacked();

    private int value = RESET;
    private int raised; // by the instruction under way
    private boolean held; // more of it follows
    private boolean plain = true; // all masked, to nearest: the host's own arithmetic will do
    private boolean precisionSeen; // PE is set: nothing is to be found out for it

    /** Makes one as after reset. */
    public Mxcsr() {}

    /** The register. */
    public int value() {
        return value;
    }

    /** Sets the register; the caller refuses bits outside of {@link #MASK}. */
    public void value(int newValue) {
        value = newValue & MASK;
        plain = (value & (ALL_MASKED_NEAREST | (ROUNDING_MASK << ROUNDING_SHIFT))) == ALL_MASKED_NEAREST;
        precisionSeen = (value & FloatExceptions.PRECISION) != 0;
    }

    boolean isPlain() {
        return plain;
    }

    boolean precisionSeen() {
        return precisionSeen;
    }

    boolean denormalsAreZeros() {
        return (value & DENORMALS_ARE_ZEROS) != 0;
    }

    boolean flushesToZero() {
        return (value & FLUSH_TO_ZERO) != 0;
    }

    int rounding() {
        return (value >> ROUNDING_SHIFT) & ROUNDING_MASK;
    }

    /** Rounding by an immediate that may name MXCSR's: ROUNDxx. */
    int rounding(int immediate) {
        return (immediate & 0b100) != 0 ? rounding() : immediate & 0b11;
    }

    /** Exceptions that are masked, as {@link FloatExceptions}. */
    int masked() {
        return (value >> MASKS_SHIFT) & FloatExceptions.ALL;
    }

    void raise(int exceptions) {
        raised |= exceptions;
    }

    /**
     * Takes over what {@link #soft} raised for an element: a denormal operand counts least of what
     * is before computing.
     */
    void raiseSoft() {
        int exceptions = soft.raised();
        soft.clear();
        boolean hides = (exceptions & (FloatExceptions.INVALID | FloatExceptions.DIVIDE_BY_ZERO)) != 0; // 4.9.2
        raised |= hides ? exceptions & ~FloatExceptions.DENORMAL : exceptions;
    }

    /**
     * Ends an instruction: sets its flags.
     *
     * @return false if an exception is not masked: the destination must not change, and the
     *     processor takes #XM
     */
    public boolean commit() {
        int flags = raised;
        if (flags == 0) return true;
        if (held) return (flags & ~masked()) == 0;
        raised = 0;
        int unmasked = flags & ~masked();
        if ((unmasked & FloatExceptions.BEFORE) != 0) flags &= FloatExceptions.BEFORE; // nothing was computed: 11.5.3
        value |= flags;
        precisionSeen = (value & FloatExceptions.PRECISION) != 0;
        return unmasked == 0;
    }

    /**
     * Makes {@link #commit} only answer, and set no flags: an instruction consists of several
     * operations.
     */
    public void hold() {
        held = true;
    }

    /** Commits what was raised since {@link #hold}. */
    public boolean release() {
        held = false;
        return commit();
    }

    /** Denormal operands as this register wants them; tells of those that stay. */
    void denormals(Unpacked number) {
        if (!number.isDenormal()) return;
        if (denormalsAreZeros()) number.zero(number.negative());
        else soft.raise(FloatExceptions.DENORMAL);
    }

    /** Rounds the result of {@link #soft} to a format. */
    void round(int precision, int least, int most) {
        int mode = rounding();
        if (flushesToZero() && (masked() & FloatExceptions.UNDERFLOW) != 0 && roundTiny(precision, least, most, mode))
            return;
        soft.round(precision, least, most, mode, masked());
    }

    /** 10.2.3.3: a result that would be denormal is zero, of its sign, and inexact. */
    private boolean roundTiny(int precision, int least, int most, int mode) {
        Unpacked result = soft.result;
        if (result.kind() != Unpacked.Kind.FINITE || result.exponent() >= least) return false;
        int before = soft.raised();
        boolean negative = result.negative();
        soft.round(precision, least, most, mode, masked() & ~FloatExceptions.UNDERFLOW);
        boolean tiny = (soft.raised() & ~before & FloatExceptions.UNDERFLOW) != 0;
        if (tiny) {
            result.zero(negative);
            soft.raise(FloatExceptions.PRECISION);
        }
        return true;
    }

    @Override
    public String toString() {
        return "Mxcsr[0x%04x, rounding %s]".formatted(value, rounding() == Rounding.NEAREST ? "nearest" : rounding());
    }
}
