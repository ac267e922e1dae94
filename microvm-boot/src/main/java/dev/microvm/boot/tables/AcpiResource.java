package dev.microvm.boot.tables;

/**
 * A resource that a device occupies, as in {@code _CRS}.
 *
 * <p>Source: ACPI 6.5, 6.4 (resource data types).
 */
public sealed interface AcpiResource {
    /** The descriptor's bytes. */
    byte[] descriptor();

    /** I/O ports {@code [port, port + count)}; {@code count} is 1 to 255. */
    record Ports(int port, int count) implements AcpiResource {
        /** Checks the range. */
        public Ports {
            if (port < 0 || count < 1 || count > 255 || port + count > 0x1_0000) {
                throw new IllegalArgumentException(
                        "I/O ports must be 1 to 255 within [0, 0x10000), were [0x%x, +0x%x)".formatted(port, count));
            }
        }

        @Override
        public byte[] descriptor() { // 6.4.2.5: 16-bit decode, fixed address, alignment 0
            byte[] address = Aml.littleEndian(port, 2);
            return Aml.concat(Aml.bytes(0x47, 1), address, address, Aml.bytes(0, count));
        }
    }

    /** An ISA interrupt, 0 to 15: edge-triggered, active high, not shared. */
    record IsaInterrupt(int irq) implements AcpiResource {
        /** Checks the number. */
        public IsaInterrupt {
            if (irq < 0 || irq > 15) throw new IllegalArgumentException("ISA interrupt must be 0 to 15, was " + irq);
        }

        @Override
        public byte[] descriptor() { // 6.4.2.1: without the flags byte
            return Aml.concat(Aml.bytes(0x22), Aml.littleEndian(1L << irq, 2));
        }
    }

    /** Guest-physical addresses {@code [base, base + size)} below 4 GiB. */
    record Memory(long base, long size) implements AcpiResource {
        /** Checks the range. */
        public Memory {
            if (base < 0 || size < 1 || base + size > 1L << 32) {
                throw new IllegalArgumentException(
                        "device memory must not be empty and must lie below 4 GiB, was [0x%x, +0x%x)"
                                .formatted(base, size));
            }
        }

        @Override
        public byte[] descriptor() { // 6.4.3.4: read and write
            return Aml.concat(Aml.bytes(0x86, 9, 0, 1), Aml.littleEndian(base, 4), Aml.littleEndian(size, 4));
        }
    }

    /** A global system interrupt, active high; level- or edge-triggered, not shared. */
    record Interrupt(int gsi, boolean level) implements AcpiResource {
        @Override
        public byte[] descriptor() { // 6.4.3.6: consumer, one interrupt
            return Aml.concat(Aml.bytes(0x89, 6, 0, level ? 0b01 : 0b11, 1), Aml.littleEndian(gsi, 4));
        }
    }
}
