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
    public static final int HEADER_END = LEGACY_SIZE + 64;

    /** The upper halves of YMM registers, in either format: what CPUID leaf 0xd says. */
    public static final int YMM = HEADER_END;

    public static final int YMM_SIZE = 256;

    /** Bytes of an area for all that there is. */
    public static final int SIZE = YMM + YMM_SIZE;

    /** What an area is aligned to. */
    public static final int ALIGNMENT = 64;

    private XsaveArea() {}

    /** Bytes of an area for components of XCR0. */
    public static int size(long components) {
        return (components & ControlRegisters.XCR0_AVX) != 0 ? SIZE : HEADER_END;
    }
}
