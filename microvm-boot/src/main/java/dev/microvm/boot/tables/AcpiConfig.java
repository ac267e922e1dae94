package dev.microvm.boot.tables;

import java.util.List;
import java.util.Optional;

/**
 * What the ACPI tables say of a machine. Begin at {@link #of} and go on with the {@code with...} methods.
 *
 * @param cpus how many CPUs, at least 1; their local APIC ids are 0, 1, ...
 * @param ioApics the IOAPICs; none if empty
 * @param timerPin the IOAPIC input to which the timer's ISA interrupt 0 goes: 0 or 2
 * @param legacy which parts of a PC there are
 * @param devices what the DSDT lists
 * @param reset the register that resets the machine
 * @param sleep the registers that put it to sleep, and off
 * @param events what tells of a pressed power button
 */
public record AcpiConfig(
        int cpus,
        List<IoApic> ioApics,
        int timerPin,
        LegacyParts legacy,
        List<AcpiDevice> devices,
        Optional<ResetRegister> reset,
        Optional<SleepRegisters> sleep,
        Optional<GenericEvents> events) {
    /** How many CPUs there can be: what fits the tables' place in guest memory with room to spare. */
    public static final int MAX_CPUS = 1024;

    /** The first IOAPIC of a PC: MP specification 1.4, 3.6.3. */
    public static final IoApic PC_IO_APIC = new IoApic(0, 0xFEC0_0000L, 0);

    /** What the tables' {@code _S5} says: the sleep type of "soft off", as in QEMU's microvm. */
    public static final int SLEEP_TYPE_S5 = 5;

    /** Checks the numbers and copies the lists. */
    public AcpiConfig {
        if (cpus < 1 || cpus > MAX_CPUS) {
            throw new IllegalArgumentException("ACPI tables have 1 to %d CPUs, not %d".formatted(MAX_CPUS, cpus));
        }
        if (timerPin != 0 && timerPin != 2) {
            throw new IllegalArgumentException("the timer's IOAPIC pin is 0 or 2, not " + timerPin);
        }
        ioApics = List.copyOf(ioApics);
        devices = List.copyOf(devices);
    }

    /** A machine with so many CPUs, one IOAPIC, the timer on its pin 2, no legacy parts and no devices. */
    public static AcpiConfig of(int cpus) {
        return new AcpiConfig(
                cpus,
                List.of(PC_IO_APIC),
                2,
                LegacyParts.NONE,
                List.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty());
    }

    /** This with other IOAPICs. */
    public AcpiConfig withIoApics(List<IoApic> value) {
        return new AcpiConfig(cpus, value, timerPin, legacy, devices, reset, sleep, events);
    }

    /** This with another {@code timerPin}. */
    public AcpiConfig withTimerPin(int value) {
        return new AcpiConfig(cpus, ioApics, value, legacy, devices, reset, sleep, events);
    }

    /** This with other legacy parts. */
    public AcpiConfig withLegacy(LegacyParts value) {
        return new AcpiConfig(cpus, ioApics, timerPin, value, devices, reset, sleep, events);
    }

    /** This with other devices. */
    public AcpiConfig withDevices(List<AcpiDevice> value) {
        return new AcpiConfig(cpus, ioApics, timerPin, legacy, value, reset, sleep, events);
    }

    /** This with a reset register. */
    public AcpiConfig withReset(ResetRegister value) {
        return new AcpiConfig(cpus, ioApics, timerPin, legacy, devices, Optional.of(value), sleep, events);
    }

    /** This with sleep registers. */
    public AcpiConfig withSleep(SleepRegisters value) {
        return new AcpiConfig(cpus, ioApics, timerPin, legacy, devices, reset, Optional.of(value), events);
    }

    /** This with a generic event device and a power button. */
    public AcpiConfig withEvents(GenericEvents value) {
        return new AcpiConfig(cpus, ioApics, timerPin, legacy, devices, reset, sleep, Optional.of(value));
    }

    /**
     * A generic event device, ACPI 6.5, 5.6.9, with a power button.
     *
     * @param register guest-physical address of its 32-bit register of events, which reading clears
     * @param gsi its edge-triggered interrupt
     * @param powerButton the bit of the power button
     */
    public record GenericEvents(long register, int gsi, int powerButton) {}

    /**
     * An IOAPIC.
     *
     * @param id its APIC id, 0 to 255
     * @param address of its registers, below 4 GiB
     * @param gsiBase the global system interrupt of its first input
     */
    public record IoApic(int id, long address, int gsiBase) {}

    /**
     * Which parts of a PC there are; what is absent is said to be, so that no guest waits for it.
     *
     * @param pic two 8259 interrupt controllers (MADT, PCAT_COMPAT)
     * @param keyboardController an 8042 at ports 0x60 and 0x64 (FADT, IAPC_BOOT_ARCH)
     * @param realTimeClock a CMOS RTC at ports 0x70 and 0x71 (likewise)
     * @param isaDevices other devices that a user can see on the ISA bus, such as a serial port (likewise)
     */
    public record LegacyParts(boolean pic, boolean keyboardController, boolean realTimeClock, boolean isaDevices) {
        /** None of them. */
        public static final LegacyParts NONE = new LegacyParts(false, false, false, false);
    }

    /**
     * A register of one byte.
     *
     * @param inPorts whether {@code address} is an I/O port; else it is a guest-physical address
     * @param address where it is
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

    /** The register that resets the machine when {@code value} is written to it: ACPI 6.5, 4.8.3.6. */
    public record ResetRegister(Register register, int value) {
        /** The keyboard controller's reset line: port 0x64, command 0xfe. */
        public static final ResetRegister KEYBOARD_CONTROLLER = new ResetRegister(Register.port(0x64), 0xFE);
    }

    /** The sleep control and status registers: ACPI 6.5, 4.8.3.7. Type {@link #SLEEP_TYPE_S5} turns the machine off. */
    public record SleepRegisters(Register control, Register status) {}
}
