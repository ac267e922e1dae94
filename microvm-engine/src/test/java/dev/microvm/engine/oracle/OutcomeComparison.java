package dev.microvm.engine.oracle;

/**
 * Compares what the real processor and the engine made of a {@link Case}, as far as a manual
 * defines it.
 */
public final class OutcomeComparison {
    // Of the x87's status word: Intel SDM vol. 1, figure 8-4
    private static final int UNDERFLOW = 1 << 4;
    private static final int ERROR_SUMMARY = 1 << 7;
    private static final int C0 = 1 << 8;
    private static final int C1 = 1 << 9;
    private static final int C2 = 1 << 10;
    private static final int C3 = 1 << 14;
    private static final int BUSY = 1 << 15;

    /** Bits of the control word that are not reserved, and the tags. */
    private static final long CONTROL_AND_TAGS = 0xFF_0000_1F3FL;

    private static final long LIMIT_IN_ACCESS_RIGHTS = 0xF_0000;
    private static final int ZF = 1 << 6;
    private static final String[] SEGMENTS = {"cs", "ds", "es", "fs", "gs", "ss"};

    private final Case c;
    private final Expectation e;
    private final Outcome real;
    private final Outcome ours;
    private final boolean faulted;
    private final StringBuilder text = new StringBuilder();

    private OutcomeComparison(Case c, Expectation e, Outcome real, Outcome ours) {
        this.c = c;
        this.e = e;
        this.real = real;
        this.ours = ours;
        faulted = real.vector() != Fault.BREAKPOINT;
    }

    /** Returns a line for each difference; none if the processor could do what the engine did. */
    public static String difference(Case c, Expectation e, Outcome real, Outcome ours) {
        OutcomeComparison comparison = new OutcomeComparison(c, e, real, ours);
        comparison.compareFaults();
        comparison.compareRegisters();
        comparison.compareSegments();
        comparison.compareFloatingPoint();
        comparison.compareMemory();
        return comparison.text.toString();
    }

    private boolean allowsAtFault(Latitude latitude) {
        return faulted && e.allows(latitude);
    }

    private void add(String name, long there, long here) {
        if (there != here) text.append("  %s: real %x, ours %x%n".formatted(name, there, here));
    }

    private void compareFaults() {
        add("rip", real.rip(), ours.rip());
        Fault there = Fault.of(real);
        Fault here = Fault.of(ours);
        if (there.equals(here)) return;
        boolean ofInstruction = real.rip() == c.rip() + e.at();
        if (ofInstruction && faulted && ours.vector() != Fault.BREAKPOINT) {
            PossibleFaults possible = PossibleFaults.of(c, e, real);
            if (possible.contains(there) && possible.contains(here)) return;
        }
        text.append("  fault: real %s; ours %s%n".formatted(there, here));
    }

    private void compareRegisters() {
        boolean unmasked = e.allows(Latitude.FLAGS_OF_X87_EXCEPTION) && (status(real) & ERROR_SUMMARY) != 0;
        if (!unmasked) add("flags", real.flags() & e.flags(), ours.flags() & e.flags());
        if (allowsAtFault(Latitude.REGISTERS_AT_FAULT)) return;
        // the upper half of a register, and R8 to R15, mean nothing outside of 64-bit mode
        boolean narrow = !c.wide() || real.selector(Case.CS) != UserCaseMachine.CODE_64;
        for (int i = 0; i < (narrow ? 8 : 16); i++) {
            long mask = defined(i) & (narrow ? 0xFFFF_FFFFL : -1);
            add("r" + i, real.register(i) & mask, ours.register(i) & mask);
        }
    }

    /** The bits of a register that are defined. */
    private long defined(int register) {
        if (faulted || register != e.target()) return -1;
        boolean zero = (real.flags() & ZF) != 0;
        if (zero && e.allows(Latitude.TARGET_IF_ZERO)) return 0;
        return e.allows(Latitude.LIMIT_IN_ACCESS_RIGHTS) ? ~LIMIT_IN_ACCESS_RIGHTS : -1;
    }

    private void compareSegments() {
        for (int i = 0; i < SEGMENTS.length; i++) add(SEGMENTS[i], selector(real, i), selector(ours, i));
        compareBase("fs base", Case.FS, c.fsBase(), real.fsBase(), ours.fsBase());
        compareBase("gs base", Case.GS, c.gsBase(), real.gsBase(), ours.gsBase());
    }

    /**
     * A load of a null selector leaves the base or clears it: AMD APM vol. 3, CPUID 8000_0021,
     * NullSelectClearsBase.
     */
    private void compareBase(String name, int segment, long wideBase, long there, long here) {
        long before = c.wide() ? wideBase : CaseSegment.of(c.selector(segment)).base();
        boolean free = selector(real, segment) == 0 && isOr0(there, before) && isOr0(here, before);
        if (!free) add(name, there, here);
    }

    private static boolean isOr0(long value, long other) {
        return value == 0 || value == other;
    }

    /** A selector; Linux makes 0 of all that are null, now and then. */
    private static int selector(Outcome outcome, int segment) {
        int selector = outcome.selector(segment);
        return selector < 4 ? 0 : selector;
    }

    private static long status(Outcome outcome) {
        return (outcome.fx(0) >>> 16) & 0xFFFF;
    }

    private void compareFloatingPoint() {
        if (allowsAtFault(Latitude.FLOATING_POINT_AT_FAULT)) return;
        boolean partial = e.allows(Latitude.PARTIAL_REMAINDER) && (status(real) & status(ours) & C2) != 0;
        int defined = partial ? e.status() & ~(C0 | C1 | C3 | UNDERFLOW | ERROR_SUMMARY | BUSY) : e.status();
        long words = CONTROL_AND_TAGS | (long) defined << 16;
        add("fcw, fsw, ftw", real.fx(0) & words, ours.fx(0) & words);
        long mxcsr = allowsAtFault(Latitude.FLAGS_OF_WIDE_DOT_PRODUCT) ? 0xFFFF_FFC0L : 0xFFFF_FFFFL;
        add("mxcsr", real.fx(24) & mxcsr, ours.fx(24) & mxcsr);
        for (int i = partial ? 1 : 0; i < 8; i++) {
            add("st" + i, real.fx(32 + 16 * i), ours.fx(32 + 16 * i));
            add("exponent" + i, real.fx(40 + 16 * i) & 0xFFFF, ours.fx(40 + 16 * i) & 0xFFFF);
        }
        for (int i = 0; i < 32; i++) {
            long there = real.fx(160 + 8 * i);
            long here = ours.fx(160 + 8 * i);
            if (i / 2 == e.target() && areNans(there, here)) continue;
            add("xmm" + i / 2 + (i % 2 == 0 ? " low" : " high"), there, here);
        }
        for (int i = 0; i < 32; i++) {
            if (i / 2 == e.target() && areNans(real.ymm(i), ours.ymm(i))) continue;
            add("ymm" + i / 2 + " word " + (i % 2 + 2), real.ymm(i), ours.ymm(i));
        }
    }

    /** Whether two halves of a register differ in what is a NaN in both, and may. */
    private boolean areNans(long there, long here) {
        if (e.allows(Latitude.CHOICE_OF_DOUBLE_NAN)) return NanChoice.allowsDouble(there, here);
        return e.allows(Latitude.CHOICE_OF_FLOAT_NAN) && NanChoice.allowsFloats(there, here);
    }

    private void compareMemory() {
        boolean free = allowsAtFault(Latitude.REGISTERS_AT_FAULT)
                || allowsAtFault(Latitude.MEMORY_AT_FAULT)
                || (!faulted && e.allows(Latitude.PADDING_OF_SELECTOR));
        if (!free) add("memory", real.checksum(), ours.checksum());
    }
}
