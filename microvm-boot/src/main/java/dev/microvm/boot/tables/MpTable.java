package dev.microvm.boot.tables;

import dev.microvm.memory.GuestMemory;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/**
 * The table by which an operating system without ACPI finds CPUs, the IOAPIC and its interrupts.
 *
 * <p>Source: Intel MultiProcessor Specification 1.4 (order number 242016), chapter 4.
 *
 * @param cpus number of CPUs, 1 to {@value #MAX_CPUS}; their local APIC ids are 0, 1, ...
 * @param timerPin the IOAPIC input to which the timer's ISA interrupt 0 goes: 0 or 2
 */
public record MpTable(int cpus, int timerPin) {
    /**
     * Maximum number of CPUs: ids have 8 bits, 0xff means all CPUs, and the IOAPIC needs one too.
     */
    public static final int MAX_CPUS = 254;

    /** Maximum size of the table in bytes, with {@link #MAX_CPUS}. */
    public static final int MAX_SIZE = 0x2000;

    private static final int FLOATING_POINTER_SIZE = 16; // bytes; 4.1
    private static final int HEADER_SIZE = 44; // bytes; 4.2
    private static final int SPEC_REVISION = 4; // version 1.4
    private static final int LENGTH_FIELD = 4; // offset in the header, 2 bytes
    private static final int CHECKSUM_FIELD = 7; // offset in the header, 1 byte
    private static final int FLOATING_CHECKSUM_FIELD = 10; // offset in the floating pointer, 1 byte
    private static final String OEM_ID = "MICROVM "; // 8 characters
    private static final String PRODUCT_ID = "MICROVM     "; // 12 characters

    // Entry types: table 4-3
    private static final int PROCESSOR = 0;
    private static final int BUS = 1;
    private static final int IO_APIC = 2;
    private static final int IO_INTERRUPT = 3;
    private static final int LOCAL_INTERRUPT = 4;

    private static final int LOCAL_APIC_VERSION = 0x14; // integrated APIC; 4.3.1
    private static final int CPU_ENABLED = 1 << 0;
    private static final int CPU_BOOTSTRAP = 1 << 1;
    private static final int CPU_SIGNATURE = 0x600; // family 6; Linux takes CPUID instead
    private static final int CPU_FEATURES = 0x201; // APIC and FPU on chip
    private static final int IO_APIC_VERSION = 0x11; // 82093AA; also what KVM's has
    private static final int IO_APIC_ENABLED = 1 << 0;

    // Interrupt types: table 4-10
    private static final int INT = 0;
    private static final int NMI = 1;
    private static final int EXT_INT = 3;
    private static final int CONFORMS = 0; // polarity and trigger mode as the bus has them
    private static final int ISA_BUS_ID = 0;
    private static final int ISA_INTERRUPTS = 16;
    private static final int CASCADE = 2; // the second PIC's input, which no device can use
    private static final int ALL_LOCAL_APICS = 0xFF;

    private static final int LOCAL_APIC_ADDRESS = 0xFEE0_0000; // 3.6.2; Intel SDM vol. 3A, 12.4.1
    private static final int IO_APIC_ADDRESS = 0xFEC0_0000; // 3.6.3

    /** Checks the numbers. */
    public MpTable {
        if (cpus < 1 || cpus > MAX_CPUS) {
            throw new IllegalArgumentException("an MP table has 1 to %d CPUs, not %d".formatted(MAX_CPUS, cpus));
        }
        if (timerPin != 0 && timerPin != CASCADE) {
            throw new IllegalArgumentException("the timer's IOAPIC pin is 0 or 2, not " + timerPin);
        }
    }

    /**
     * Writes the floating pointer to {@code address}, a multiple of 16, and the table behind it.
     */
    public void write(GuestMemory memory, long address) {
        Objects.requireNonNull(memory, "memory");
        memory.write(address, floatingPointer((int) address + FLOATING_POINTER_SIZE));
        memory.write(address + FLOATING_POINTER_SIZE, table());
    }

    private static byte[] floatingPointer(int table) {
        ByteBuffer pointer = ByteBuffer.allocate(FLOATING_POINTER_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        pointer.put("_MP_".getBytes(StandardCharsets.US_ASCII)).putInt(table);
        pointer.put((byte) 1); // its own length in units of 16 bytes
        pointer.put((byte) SPEC_REVISION);
        return Checksum.fill(pointer.array(), FLOATING_CHECKSUM_FIELD);
    }

    private byte[] table() {
        Entries entries = new Entries();
        for (int id = 0; id < cpus; id++) {
            int flags = CPU_ENABLED | (id == 0 ? CPU_BOOTSTRAP : 0);
            entries.add(PROCESSOR, id, LOCAL_APIC_VERSION, flags)
                    .add32(CPU_SIGNATURE)
                    .add32(CPU_FEATURES)
                    .add32(0)
                    .add32(0);
        }
        entries.add(BUS, ISA_BUS_ID).add("ISA   ");
        int ioApic = cpus; // the first id that no CPU has
        entries.add(IO_APIC, ioApic, IO_APIC_VERSION, IO_APIC_ENABLED).add32(IO_APIC_ADDRESS);
        entries.add(IO_INTERRUPT, INT, CONFORMS, 0, ISA_BUS_ID, 0, ioApic, timerPin);
        for (int irq = 1; irq < ISA_INTERRUPTS; irq++) {
            if (irq == CASCADE) continue;
            entries.add(IO_INTERRUPT, INT, CONFORMS, 0, ISA_BUS_ID, irq, ioApic, irq);
        }
        entries.add(LOCAL_INTERRUPT, EXT_INT, CONFORMS, 0, ISA_BUS_ID, 0, ALL_LOCAL_APICS, 0); // LINT0
        entries.add(LOCAL_INTERRUPT, NMI, CONFORMS, 0, ISA_BUS_ID, 0, ALL_LOCAL_APICS, 1); // LINT1
        return entries.table();
    }

    /** Collects the base table's entries. */
    private static final class Entries {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();
        private int count;

        Entries add(int type, int... bytes) {
            out.write(type);
            for (int value : bytes) {
                out.write(value);
            }
            count++;
            return this;
        }

        Entries add32(int value) {
            for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
                out.write(value >>> shift);
            }
            return this;
        }

        Entries add(String text) {
            out.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
            return this;
        }

        byte[] table() {
            ByteBuffer table = ByteBuffer.allocate(HEADER_SIZE + out.size()).order(ByteOrder.LITTLE_ENDIAN);
            table.put("PCMP".getBytes(StandardCharsets.US_ASCII));
            table.putShort(LENGTH_FIELD, (short) table.capacity());
            table.put(6, (byte) SPEC_REVISION);
            table.put(8, (OEM_ID + PRODUCT_ID).getBytes(StandardCharsets.US_ASCII));
            table.putShort(34, (short) count);
            table.putInt(36, LOCAL_APIC_ADDRESS);
            table.put(HEADER_SIZE, out.toByteArray());
            return Checksum.fill(table.array(), CHECKSUM_FIELD);
        }
    }
}
