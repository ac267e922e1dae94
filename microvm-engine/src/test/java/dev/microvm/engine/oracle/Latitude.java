package dev.microvm.engine.oracle;

/**
 * What the manuals leave to the processor in what an instruction does: not compared where it
 * applies.
 */
enum Latitude {
    /**
     * FCOMI and the like set flags although an exception that is not masked prevents the rest
     * (AMD), or not (Intel).
     */
    FLAGS_OF_X87_EXCEPTION,

    /**
     * General registers and memory at a fault of an instruction with many accesses: PUSHA, POPA,
     * ENTER, far calls.
     */
    REGISTERS_AT_FAULT,

    /**
     * Memory at a fault of a store of more than 8 bytes by x87 or SSE: a part may be written (Intel
     * SDM vol. 3A, 8.1.1).
     */
    MEMORY_AT_FAULT,

    /** Floating-point state at a fault of what loads it: no manual says that none is loaded. */
    FLOATING_POINT_AT_FAULT,

    /** The target of BSF and BSR if the source is 0: undefined to Intel, kept to AMD. */
    TARGET_IF_ZERO,

    /** Bits 16 to 19 of what LAR returns: undefined (Intel SDM vol. 2A, LAR). */
    LIMIT_IN_ACCESS_RIGHTS,

    /**
     * What FPREM and FPREM1 leave in ST(0), and their condition codes but C2, if the reduction is
     * not complete: it takes off 32 to 63 bits (Intel SDM vol. 2A, FPREM).
     */
    PARTIAL_REMAINDER,

    /**
     * The upper half of the slot of CS that a far call pushes: padding (Intel SDM vol. 2A, CALL).
     */
    PADDING_OF_SELECTOR,

    /** Which of several NaNs DPPS returns, where, and of which sign (Intel SDM vol. 2A, DPPS). */
    CHOICE_OF_FLOAT_NAN,

    /** The same for DPPD. */
    CHOICE_OF_DOUBLE_NAN,

    /**
     * Flags that VDPPS of 256 bits sets beside those of an exception that is not masked: its steps
     * have an order, its lanes none (Intel SDM vol. 2A, DPPS).
     */
    FLAGS_OF_WIDE_DOT_PRODUCT
}
