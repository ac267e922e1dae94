package dev.microvm.devices.irqchip;

/**
 * Register map of the IOAPIC. Names follow the data sheet.
 *
 * <p>Sources: Intel 82093AA data sheet, 290566, section 3; for the EOI register, the Intel ICH
 * family (82801BA data sheet, 290687), which reports version 0x20; for messages, Intel SDM vol. 3A,
 * 11.11.
 */
final class IoApicRegisters {
    // Memory-mapped registers, 32 bits wide.
    static final int IOREGSEL = 0x00; // read/write: index in bits 0 to 7
    static final int IOWIN = 0x10; // read/write: the register of that index
    static final int EOIR = 0x40; // write-only: vector in bits 0 to 7

    // Registers by index.
    static final int IOAPICID = 0x00; // read/write: bits 24 to 27
    static final int IOAPICVER = 0x01; // read-only
    static final int IOAPICARB = 0x02; // read-only: bits 24 to 27, a copy of the identification
    static final int IOREDTBL = 0x10; // two for each pin: low half, high half

    static final int ID_SHIFT = 24;
    static final int ID_MASK = 0xf;
    static final int VERSION = 0x20; // there is an EOI register
    static final int MAX_ENTRY_SHIFT = 16;

    // Redirection table entry.
    static final long VECTOR = 0xff;
    static final int DELIVERY_MODE_SHIFT = 8;
    static final long DELIVERY_MODE = 0b111;
    static final long LOGICAL_DESTINATION = 1 << 11;
    static final long DELIVERY_STATUS = 1 << 12; // read-only, always idle
    static final long REMOTE_IRR = 1 << 14; // read-only: a level-triggered interrupt is not ended
    static final long LEVEL_TRIGGERED = 1 << 15;
    static final long MASKED = 1 << 16;
    static final int DESTINATION_SHIFT = 56;
    static final long WRITABLE = 0xff00_0000_0001_afffL;

    // Messages.
    static final long MSI_ADDRESS = 0xfee0_0000L;
    static final int MSI_DESTINATION_SHIFT = 12;
    static final long MSI_LOGICAL = 1 << 2;
    static final int MSI_ASSERT = 1 << 14;
    static final int MSI_LEVEL = 1 << 15;

    private IoApicRegisters() {}
}
