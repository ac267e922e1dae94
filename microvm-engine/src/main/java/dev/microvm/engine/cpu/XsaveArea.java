package dev.microvm.engine.cpu;

/**
 * Offsets in the area that XSAVE writes, of which FXSAVE writes the first part: Intel SDM vol. 1,
 * 10.5.1 and 13.4.
 */
public final class XsaveArea {
    // The legacy region: table 10-2
    public static final int MXCSR = 24;
    public static final int MXCSR_MASK = 28;
    public static final int X87_REGISTERS = 32;
    public static final int XMM0 = 160;

    /** Bytes of the legacy region, which is all of FXSAVE's. */
    public static final int LEGACY_SIZE = 512;

    // The header: 13.4.2
    public static final int XSTATE_BV = 512;
    public static final int XCOMP_BV = 520;

    /** Bytes of an area for x87 and SSE: the legacy region and the header. */
    public static final int SIZE = LEGACY_SIZE + 64;

    /** What an area is aligned to. */
    public static final int ALIGNMENT = 64;

    private XsaveArea() {}
}
