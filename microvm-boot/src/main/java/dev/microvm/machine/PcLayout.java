package dev.microvm.machine;

import dev.microvm.devices.firmware.FwCfg;
import dev.microvm.devices.irqchip.IoApic;
import dev.microvm.devices.power.GenericEventDevice;
import dev.microvm.devices.virtio.VirtioMmio;

/**
 * The ports, addresses and interrupts of the machine: those of a PC where a PC has the part, those of QEMU's
 * {@code microvm} machine (docs/system/i386/microvm.rst, include/hw/i386/microvm.h) elsewhere.
 */
public final class PcLayout {
    private static final int NONE = -1; // no interrupt

    /** How many virtio devices there can be: QEMU's microvm has as many. */
    public static final int VIRTIO_SLOTS = 8;

    /** The same with a second IOAPIC: QEMU's with {@code ioapic2}. */
    public static final int MOST_VIRTIO_SLOTS = 24;

    /** Global system interrupt of the first pin of a second IOAPIC. */
    static final int SECOND_IOAPIC_GSI = 24;

    private static final long VIRTIO_BASE = 0xFEB0_0000L;
    private static final int VIRTIO_FIRST_ISA_GSI = 5; // without ACPI, as in QEMU's documentation
    private static final int VIRTIO_FIRST_GSI = 16; // with ACPI: no ISA device has it

    private PcLayout() {}

    /** Guest-physical address of the registers of a virtio device, {@link VirtioMmio#RANGE} bytes. */
    public static long virtioBase(int slot) {
        return VIRTIO_BASE + (long) VirtioMmio.RANGE * slot;
    }

    /**
     * Global system interrupt of a virtio device, edge-triggered.
     *
     * @param devices how many the machine has
     */
    public static int virtioGsi(int slot, int devices, boolean acpi) {
        if (needsSecondIoApic(devices)) return SECOND_IOAPIC_GSI + slot;
        return (acpi ? VIRTIO_FIRST_GSI : VIRTIO_FIRST_ISA_GSI) + slot;
    }

    /** Whether a machine with so many virtio devices has a second IOAPIC, for the interrupts of all of them. */
    static boolean needsSecondIoApic(int virtioDevices) {
        return virtioDevices > VIRTIO_SLOTS;
    }

    /** Who answers where, on the port bus or on that of memory-mapped registers. */
    public enum Place {
        // Ports. The first five are the hypervisor's own with irqchip KERNEL: it answers before the port bus is asked.
        PIC_MASTER(true, "i8259 PIC", 0x20, 2),
        PIT(true, "i8254 PIT", 0x40, 4, 0),
        /** Gate and output of the PIT's speaker channel. */
        PIT_SPEAKER(true, "i8254 PIT speaker", 0x61, 1),
        PIC_SLAVE(true, "i8259 PIC", 0xA0, 2),
        PIC_EDGE_LEVEL(true, "i8259 PIC ELCR", 0x4D0, 2),

        I8042_DATA(true, "i8042", 0x60, 1, 1),
        /** Command and status. */
        I8042_COMMAND(true, "i8042", 0x64, 1),
        /** Index at 0x70, data at 0x71. */
        RTC(true, "MC146818 RTC", 0x70, 2, 8),
        /** Fast reset. */
        SYSTEM_CONTROL_A(true, "system control port A", 0x92, 1),
        /** A guest ends itself with a code by a write here; test kernels know it as QEMU's isa-debug-exit. */
        EXIT(true, "exit port", 0xF4, 4),
        COM1(true, "16550 UART", 0x3F8, 8, 4),
        /** What firmware prints, if somebody listens: Bochs's and QEMU's port by custom. */
        DEBUG_CONSOLE(true, "debug console", 0x402, 1),
        /** QEMU docs/specs/fw_cfg.rst: selector and data at 0x510, DMA at 0x514. */
        FW_CFG(true, "fw_cfg", 0x510, FwCfg.RANGE),
        /** Reset control register of Intel's chip sets since the 430FX. */
        RESET_CONTROL(true, "reset control", 0xCF9, 1),

        // Guest-physical addresses that are not memory.
        /** Generic event device with sleep and reset registers, if there is ACPI: where QEMU's microvm has it. */
        GENERIC_EVENTS(false, "generic event device", 0xFEA0_0000L, GenericEventDevice.RANGE, 9),
        /** MP specification 1.4, 3.6.3. */
        IOAPIC(false, "IOAPIC", 0xFEC0_0000L, IoApic.RANGE),
        /** Where QEMU's microvm has it: include/hw/i386/ioapic.h. */
        SECOND_IOAPIC(false, "second IOAPIC", 0xFEC1_0000L, IoApic.RANGE),
        /** Local APICs, and where messages are sent: Intel SDM vol. 3A, 11.4.1 and 11.11.1. */
        LOCAL_APICS(false, "local APICs", 0xFEE0_0000L, 0x10_0000),
        /** KVM's page table and task-state segment for real mode: see KvmVirtualMachine. */
        HYPERVISOR(false, "the hypervisor's own pages", 0xFEFF_C000L, 0x4000);

        private final boolean port;
        private final String title;
        private final long base;
        private final long size;
        private final int gsi;

        Place(boolean port, String title, long base, long size) {
            this(port, title, base, size, NONE);
        }

        Place(boolean port, String title, long base, long size, int gsi) {
            this.port = port;
            this.title = title;
            this.base = base;
            this.size = size;
            this.gsi = gsi;
        }

        /** Whether it is at I/O ports; else at guest-physical addresses. */
        public boolean port() {
            return port;
        }

        /**
         * Its global system interrupt.
         *
         * @throws IllegalStateException if it has none
         */
        public int gsi() {
            if (gsi == NONE) throw new IllegalStateException(title + " has no interrupt");
            return gsi;
        }

        /** What a user reads of its interrupt; empty if it has none. */
        public String interrupt() {
            return gsi == NONE ? "" : ", GSI " + gsi;
        }

        /** What a user reads. */
        public String title() {
            return title;
        }

        public long base() {
            return base;
        }

        public long size() {
            return size;
        }
    }
}
