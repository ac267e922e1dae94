package dev.microvm.engine.apic;

/**
 * Register map of the local APIC. Names follow the manual.
 *
 * <p>Source: Intel SDM vol. 3A, chapter 11: table 11-1 for the page, table 11-6 for MSRs; others
 * beside each group.
 */
final class ApicRegisters {
    // Offsets in the page; each register is 32 bits wide and starts a block of 16 bytes.
    static final int ID = 0x020; // read-only here, as on processors since Nehalem
    static final int VERSION = 0x030; // read-only
    static final int TPR = 0x080; // task priority, read/write
    static final int APR = 0x090; // arbitration priority, read-only
    static final int PPR = 0x0a0; // processor priority, read-only
    static final int EOI = 0x0b0; // write-only
    static final int RRD = 0x0c0; // remote read, read-only; nothing here reads remotely
    static final int LDR = 0x0d0; // logical destination; read-only in x2APIC mode
    static final int DFR = 0x0e0; // destination format; not in x2APIC mode
    static final int SVR = 0x0f0; // spurious-interrupt vector, read/write
    static final int ISR = 0x100; // in service: eight registers, read-only
    static final int TMR = 0x180; // trigger mode: eight registers, read-only
    static final int IRR = 0x200; // requests: eight registers, read-only
    static final int ESR = 0x280; // errors; a write latches them
    static final int LVT_CMCI = 0x2f0; // not here: see VERSION_MAX_LVT
    static final int ICR = 0x300; // interrupt command; a write sends
    static final int ICR_HIGH = 0x310; // its destination; not in x2APIC mode
    static final int LVT_TIMER = 0x320;
    static final int LVT_THERMAL = 0x330;
    static final int LVT_PERFORMANCE = 0x340;
    static final int LVT_LINT0 = 0x350;
    static final int LVT_LINT1 = 0x360;
    static final int LVT_ERROR = 0x370;
    static final int INITIAL_COUNT = 0x380;
    static final int CURRENT_COUNT = 0x390; // read-only
    static final int DIVIDE = 0x3e0;
    static final int SELF_IPI = 0x3f0; // write-only, in x2APIC mode only

    static final int REGISTER_STRIDE = 0x10;
    static final int PAGE_REGISTERS_END = 0x400;

    // MSRs.
    static final int X2APIC_FIRST = 0x800; // 0x800 + offset in the page / 16
    static final int X2APIC_LAST = 0x8ff;

    // IA32_APIC_BASE: figures 11-5 and 11-26.
    static final long BASE_BSP = 1L << 8;
    static final long BASE_EXTD = 1L << 10; // x2APIC mode
    static final long BASE_ENABLE = 1L << 11;
    static final long BASE_ADDRESS = ~0xfffL;
    static final long DEFAULT_BASE = 0xfee0_0000L;

    // ID, LDR and ICR_HIGH in xAPIC mode have eight bits, at the top.
    static final int XAPIC_ID_SHIFT = 24;

    // Version: figure 11-7.
    static final int VERSION_INTEGRATED = 0x14;
    static final int VERSION_MAX_LVT = 5 << 16; // six entries, none for CMCI
    static final int VERSION_SUPPRESS_EOI = 1 << 24;

    // DFR: figure 11-14.
    static final int DFR_MODEL_SHIFT = 28;
    static final int DFR_FLAT = 0xf;
    static final int DFR_RESERVED = 0x0fff_ffff; // read as ones

    // SVR: figure 11-23.
    static final int SVR_VECTOR = 0xff;
    static final int SVR_ENABLE = 1 << 8;
    static final int SVR_FOCUS = 1 << 9; // kept, without effect
    static final int SVR_SUPPRESS_EOI = 1 << 12;
    static final int SVR_WRITABLE = SVR_VECTOR | SVR_ENABLE | SVR_FOCUS | SVR_SUPPRESS_EOI;

    // ESR: figure 11-9.
    static final int ERROR_SEND_VECTOR = 1 << 5;
    static final int ERROR_RECEIVE_VECTOR = 1 << 6;
    static final int ERROR_REGISTER = 1 << 7;

    // Fields shared by LVT entries, the ICR and messages: figures 11-8 and 11-12.
    static final int VECTOR = 0xff;
    static final int DELIVERY_MODE_SHIFT = 8;
    static final int DELIVERY_MODE = 0b111;
    static final int FIXED = 0b000;
    static final int LOWEST_PRIORITY = 0b001;
    static final int SMI = 0b010;
    static final int NMI = 0b100;
    static final int INIT = 0b101;
    static final int START_UP = 0b110;
    static final int EXT_INT = 0b111; // reserved in the ICR

    // LVT entries.
    static final int LVT_MODE = DELIVERY_MODE << DELIVERY_MODE_SHIFT;
    static final int LVT_DELIVERY_STATUS = 1 << 12; // read-only, always idle
    static final int LVT_POLARITY = 1 << 13; // kept: lines here are high when they assert
    static final int LVT_REMOTE_IRR = 1 << 14; // read-only
    static final int LVT_LEVEL = 1 << 15;
    static final int LVT_MASKED = 1 << 16;
    static final int LVT_TIMER_MODE_SHIFT = 17;
    static final int LVT_TIMER_MODE = 0b11;
    static final int TIMER_ONE_SHOT = 0b00;
    static final int TIMER_PERIODIC = 0b01;
    static final int TIMER_TSC_DEADLINE = 0b10;

    // ICR.
    static final int ICR_LOGICAL = 1 << 11;
    static final int ICR_ASSERT = 1 << 14;
    static final int ICR_LEVEL = 1 << 15;
    static final int ICR_SHORTHAND_SHIFT = 18;
    static final int ICR_SHORTHAND = 0b11;
    static final int SHORTHAND_NONE = 0b00;
    static final int SHORTHAND_SELF = 0b01;
    static final int SHORTHAND_ALL = 0b10;
    static final int SHORTHAND_OTHERS = 0b11;
    static final int ICR_WRITABLE = 0x000c_cfff;

    // Divide configuration: figure 11-10; bits 0, 1 and 3.
    static final int DIVIDE_WRITABLE = 0b1011;

    // Messages: 11.11.
    static final long MSI_ADDRESS_MASK = 0xfff0_0000L;
    static final long MSI_ADDRESS = 0xfee0_0000L;
    static final int MSI_DESTINATION_SHIFT = 12;
    static final int MSI_REDIRECT = 1 << 3;
    static final int MSI_LOGICAL = 1 << 2;
    static final int MSI_LEVEL = 1 << 15;

    /** Vectors below this one are the processor's: 11.5.2. */
    static final int FIRST_VECTOR = 16;

    /** Destinations that mean everyone: 11.6.2 and 11.12.9. */
    static final int BROADCAST_8 = 0xff;

    static final int BROADCAST_32 = 0xffff_ffff;

    // Logical x2APIC IDs: 11.12.10.2; logical xAPIC clusters: 11.6.2.2.
    static final int X2APIC_CLUSTER_SHIFT = 16;
    static final int X2APIC_MEMBER = 0xffff;
    static final int XAPIC_CLUSTER_SHIFT = 4;
    static final int XAPIC_MEMBER = 0xf;

    private ApicRegisters() {}
}
