package dev.microvm.boot.tables;

import java.io.ByteArrayOutputStream;

/**
 * The multiple APIC description table: CPUs, IOAPICs and how ISA interrupts reach them.
 *
 * <p>Source: ACPI 6.5, 5.2.12; the section of each structure is named beside its type.
 */
final class Madt {
    private static final int REVISION = 6;
    private static final int LOCAL_APIC_ADDRESS = 0xFEE0_0000; // Intel SDM vol. 3A, 12.4.1
    private static final int PCAT_COMPAT = 1 << 0; // flags: there are two 8259s to mask

    private static final int LOCAL_APIC = 0; // 5.2.12.2
    private static final int IO_APIC = 1; // 5.2.12.3
    private static final int SOURCE_OVERRIDE = 2; // 5.2.12.5
    private static final int LOCAL_APIC_NMI = 4; // 5.2.12.7
    private static final int LOCAL_X2APIC = 9; // 5.2.12.12
    private static final int LOCAL_X2APIC_NMI = 0xA; // 5.2.12.13

    /**
     * The first id that a local APIC entry cannot have, because it means all CPUs: from it on CPUs
     * have x2APIC entries.
     */
    private static final int FIRST_X2APIC_ID = 255;

    private static final int ENABLED = 1 << 0;
    private static final int ISA_BUS = 0;
    private static final int TIMER_IRQ = 0;
    private static final int CONFORMS = 0; // polarity and trigger mode as the bus has them
    private static final int ALL_PROCESSORS = 0xFF;
    private static final int ALL_X2APIC_PROCESSORS = 0xFFFF_FFFF;
    private static final int NMI_LINT = 1; // the local APIC's input

    private Madt() {}

    static byte[] build(AcpiConfig config) {
        Structures structures = new Structures();
        for (int id = 0; id < config.cpus(); id++) {
            if (id < FIRST_X2APIC_ID) {
                structures.begin(LOCAL_APIC, 8).add(id, 1).add(id, 1).add(ENABLED, 4);
            } else {
                structures
                        .begin(LOCAL_X2APIC, 16)
                        .add(0, 2)
                        .add(id, 4)
                        .add(ENABLED, 4)
                        .add(id, 4);
            }
        }
        for (AcpiConfig.IoApic ioApic : config.ioApics()) {
            structures.begin(IO_APIC, 12).add(ioApic.id(), 1).add(0, 1).add(ioApic.address(), 4);
            structures.add(ioApic.gsiBase(), 4);
        }
        if (config.timerPin() != TIMER_IRQ && !config.ioApics().isEmpty()) {
            structures.begin(SOURCE_OVERRIDE, 10).add(ISA_BUS, 1).add(TIMER_IRQ, 1);
            structures.add(config.timerPin(), 4).add(CONFORMS, 2);
        }
        structures
                .begin(LOCAL_APIC_NMI, 6)
                .add(ALL_PROCESSORS, 1)
                .add(CONFORMS, 2)
                .add(NMI_LINT, 1);
        if (config.cpus() > FIRST_X2APIC_ID) {
            structures.begin(LOCAL_X2APIC_NMI, 12).add(CONFORMS, 2).add(ALL_X2APIC_PROCESSORS, 4);
            structures.add(NMI_LINT, 1).add(0, 3);
        }
        byte[] all = structures.out.toByteArray();
        return AcpiTables.finish(AcpiTables.table("APIC", REVISION, AcpiTables.HEADER_SIZE + 8 + all.length)
                .putInt(LOCAL_APIC_ADDRESS)
                .putInt(config.has(AcpiConfig.LegacyPart.PIC) ? PCAT_COMPAT : 0)
                .put(all));
    }

    /** Writes one structure after the other. */
    private static final class Structures {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        /** Begins one of {@code length} bytes, these two included. */
        Structures begin(int type, int length) {
            return add(type, 1).add(length, 1);
        }

        Structures add(long value, int size) {
            out.writeBytes(Aml.littleEndian(value, size));
            return this;
        }
    }
}
