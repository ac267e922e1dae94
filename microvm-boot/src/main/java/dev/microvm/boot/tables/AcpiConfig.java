package dev.microvm.boot.tables;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The contents of a machine's ACPI tables. Begin with {@link #of} and add entries by {@link #with}.
 *
 * @param cpus number of CPUs, 1 to {@value #MAX_CPUS}; their local APIC ids are 0, 1, ...
 * @param timerPin the IOAPIC input to which the timer's ISA interrupt 0 goes: 0 or 2
 * @param entries the entries of the machine's parts, in the order of the tables
 */
public record AcpiConfig(int cpus, int timerPin, List<AcpiEntry> entries) {
    /** Maximum number of CPUs; their tables fit easily into their place in guest memory. */
    public static final int MAX_CPUS = 1024;

    /** The first IOAPIC of a PC: MP specification 1.4, 3.6.3. */
    public static final IoApic PC_IO_APIC = new IoApic(0, 0xFEC0_0000L, 0);

    /** Sleep type of "soft off" in {@code _S5}, as in QEMU's microvm. */
    public static final int SLEEP_TYPE_S5 = 5;

    /** Checks the numbers and copies the list. */
    public AcpiConfig {
        Objects.requireNonNull(entries, "entries");
        if (cpus < 1 || cpus > MAX_CPUS) {
            throw new IllegalArgumentException("ACPI tables have 1 to %d CPUs, not %d".formatted(MAX_CPUS, cpus));
        }
        if (timerPin != 0 && timerPin != 2) {
            throw new IllegalArgumentException("the timer's IOAPIC pin is 0 or 2, not " + timerPin);
        }
        entries = List.copyOf(entries);
    }

    /**
     * Describes a machine with this number of CPUs, one IOAPIC, the timer on its pin 2, no legacy
     * parts and no devices.
     */
    public static AcpiConfig of(int cpus) {
        return new AcpiConfig(cpus, 2, List.of(PC_IO_APIC));
    }

    /** Returns this with more entries at the end. */
    public AcpiConfig with(AcpiEntry... more) {
        Objects.requireNonNull(more, "more");
        return new AcpiConfig(
                cpus, timerPin, Stream.concat(entries.stream(), Stream.of(more)).toList());
    }

    /** The IOAPICs; may be none. */
    List<IoApic> ioApics() {
        return all(IoApic.class).toList();
    }

    /** Returns the devices in the DSDT. */
    List<AcpiDevice> devices() {
        return all(AcpiDevice.class).toList();
    }

    /** Whether the machine has a part that every PC had. */
    boolean has(LegacyPart part) {
        return entries.contains(part);
    }

    /** Returns the register that resets the machine. */
    Optional<ResetRegister> reset() {
        return all(ResetRegister.class).findFirst();
    }

    /** Returns the registers that put the machine to sleep or turn it off. */
    Optional<SleepRegisters> sleep() {
        return all(SleepRegisters.class).findFirst();
    }

    /** Returns the device that reports a pressed power button. */
    Optional<GenericEvents> events() {
        return all(GenericEvents.class).findFirst();
    }

    /** Returns the VM generation ID. */
    Optional<GenerationId> generationId() {
        return all(GenerationId.class).findFirst();
    }

    private <T extends AcpiEntry> Stream<T> all(Class<T> kind) {
        return entries.stream().filter(kind::isInstance).map(kind::cast);
    }

    /**
     * A generic event device, ACPI 6.5, 5.6.9, with a power button.
     *
     * @param register guest-physical address of its 32-bit register of events, which reading clears
     * @param gsi its edge-triggered interrupt
     * @param powerButton the bit of the power button
     */
    public record GenericEvents(long register, int gsi, int powerButton) implements AcpiEntry {}

    /**
     * A VM generation ID, which the generic event device reports to have changed: QEMU
     * docs/specs/vmgenid.rst.
     *
     * @param address guest-physical address of its 16 bytes
     * @param event the bit of the event
     */
    public record GenerationId(long address, int event) implements AcpiEntry {}

    /**
     * An IOAPIC.
     *
     * @param id its APIC id, 0 to 255
     * @param address of its registers, below 4 GiB
     * @param gsiBase the global system interrupt of its first input
     */
    public record IoApic(int id, long address, int gsiBase) implements AcpiEntry {}

    /** A part that every PC had. The tables say if it is absent, so that no guest waits for it. */
    public enum LegacyPart implements AcpiEntry {
        /** Two 8259 interrupt controllers: MADT, PCAT_COMPAT. */
        PIC,
        /** An 8042 at ports 0x60 and 0x64: FADT, IAPC_BOOT_ARCH. */
        KEYBOARD_CONTROLLER,
        /** A CMOS RTC at ports 0x70 and 0x71: FADT, IAPC_BOOT_ARCH. */
        REAL_TIME_CLOCK,
        /**
         * Other devices that a user can see on the ISA bus, such as a serial port: FADT,
         * IAPC_BOOT_ARCH.
         */
        ISA_DEVICES
    }

    /**
     * A register of one byte.
     *
     * @param inPorts whether {@code address} is an I/O port; otherwise it is guest-physical
     * @param address port or guest-physical address
     */
    public record Register(boolean inPorts, long address) {
        /** An I/O port. */
        public static Register port(int port) {
            return new Register(true, port);
        }

        /** A byte in memory. */
        public static Register memory(long address) {
            return new Register(false, address);
        }
    }

    /**
     * The register that resets the machine when {@code value} is written to it: ACPI 6.5, 4.8.3.6.
     */
    public record ResetRegister(Register register, int value) implements AcpiEntry {
        /** The keyboard controller's reset line: port 0x64, command 0xfe. */
        public static final ResetRegister KEYBOARD_CONTROLLER = new ResetRegister(Register.port(0x64), 0xFE);

        /** Refuses null. */
        public ResetRegister {
            Objects.requireNonNull(register, "register");
        }
    }

    /**
     * The sleep control and status registers: ACPI 6.5, 4.8.3.7. Type {@link #SLEEP_TYPE_S5} turns
     * the machine off.
     */
    public record SleepRegisters(Register control, Register status) implements AcpiEntry {
        /** Refuses null. */
        public SleepRegisters {
            Objects.requireNonNull(control, "control");
            Objects.requireNonNull(status, "status");
        }
    }
}
