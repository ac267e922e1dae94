package dev.microvm;

/**
 * The ports, addresses and interrupts of the machine: those of a PC where a PC has the part, those of QEMU's
 * {@code microvm} machine (docs/system/i386/microvm.rst, include/hw/i386/microvm.h) elsewhere.
 */
final class PcLayout {
    static final int PIT_GSI = 0;
    static final int COM1_GSI = 4;
    static final int RTC_GSI = 8;

    private PcLayout() {}

    /** Who answers at which guest-physical addresses that are not memory. */
    enum Windows {
        /** MP specification 1.4, 3.6.3. */
        IOAPIC("IOAPIC", 0xFEC0_0000L, 0x1000),
        /** Local APICs, and where messages are sent: Intel SDM vol. 3A, 11.4.1 and 11.11.1. */
        LOCAL_APICS("local APICs", 0xFEE0_0000L, 0x10_0000),
        /** KVM's page table and task-state segment for real mode: see KvmVirtualMachine. */
        HYPERVISOR("the hypervisor's own pages", 0xFEFF_C000L, 0x4000);

        private final String title;
        private final long base;
        private final long size;

        Windows(String title, long base, long size) {
            this.title = title;
            this.base = base;
            this.size = size;
        }

        /** What a user reads. */
        String title() {
            return title;
        }

        long base() {
            return base;
        }

        long size() {
            return size;
        }
    }

    /** Who answers at which I/O ports. */
    enum Ports {
        // The hypervisor's own with irqchip KERNEL: it answers before the port bus is asked.
        PIC_MASTER("i8259 PIC", 0x20, 2),
        PIT("i8254 PIT", 0x40, 4),
        PIC_SLAVE("i8259 PIC", 0xA0, 2),
        PIC_EDGE_LEVEL("i8259 PIC ELCR", 0x4D0, 2),

        I8042_DATA("i8042", 0x60, 1),
        /** Gate and output of the PIT's speaker channel; also the hypervisor's with irqchip KERNEL. */
        PIT_SPEAKER("i8254 PIT speaker", 0x61, 1),
        /** Command and status. */
        I8042_COMMAND("i8042", 0x64, 1),
        /** Index at 0x70, data at 0x71. */
        RTC("MC146818 RTC", 0x70, 2),
        /** Fast reset. */
        SYSTEM_CONTROL_A("system control port A", 0x92, 1),
        /** A guest ends itself with a code by a write here; test kernels know it as QEMU's isa-debug-exit. */
        EXIT("exit port", 0xF4, 4),
        COM1("16550 UART", 0x3F8, 8),
        /** Reset control register of Intel's chip sets since the 430FX. */
        RESET_CONTROL("reset control", 0xCF9, 1);

        private final String title;
        private final int base;
        private final int size;

        Ports(String title, int base, int size) {
            this.title = title;
            this.base = base;
            this.size = size;
        }

        /** What a user reads. */
        String title() {
            return title;
        }

        int base() {
            return base;
        }

        int size() {
            return size;
        }
    }
}
