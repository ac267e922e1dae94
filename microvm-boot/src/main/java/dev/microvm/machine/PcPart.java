package dev.microvm.machine;

import static dev.microvm.machine.PartPlan.named;
import static dev.microvm.machine.Place.memory;
import static dev.microvm.machine.Place.ports;

import dev.microvm.boot.tables.AcpiConfig;
import dev.microvm.boot.tables.AcpiConfig.GenericEvents;
import dev.microvm.boot.tables.AcpiConfig.LegacyPart;
import dev.microvm.boot.tables.AcpiConfig.Register;
import dev.microvm.boot.tables.AcpiConfig.ResetRegister;
import dev.microvm.boot.tables.AcpiConfig.SleepRegisters;
import dev.microvm.boot.tables.AcpiDevice;
import dev.microvm.devices.firmware.FwCfg;
import dev.microvm.devices.irqchip.IoApic;
import dev.microvm.devices.power.ExitPort;
import dev.microvm.devices.power.GenericEventDevice;
import dev.microvm.devices.power.PowerOffPort;
import dev.microvm.machine.PartPlan.Owner;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.model.Irqchip;
import java.util.function.Function;

/**
 * The parts of a machine but for virtio devices and the user's own, a row each: where it is, what
 * the ACPI tables say of it, and who has it. Ports, addresses and interrupts are those of a PC
 * where a PC has the part, elsewhere those of QEMU's {@code microvm} machine
 * (docs/system/i386/microvm.rst, include/hw/i386/microvm.h).
 *
 * <p>The order is that of the tables.
 */
@SuppressWarnings("ImmutableEnumChecker") // a record of records, and functions without state
public enum PcPart {
    /** MP specification 1.4, 3.6.3. */
    IOAPIC(
            named("ioapic")
                    .at(memory("IOAPIC", AcpiConfig.PC_IO_APIC.address(), IoApic.RANGE))
                    .acpi(AcpiConfig.PC_IO_APIC),
            Setting::irqchip),

    /** Where QEMU's microvm has it: include/hw/i386/ioapic.h. */
    SECOND_IOAPIC(
            named("ioapic2")
                    .at(memory("second IOAPIC", 0xFEC1_0000L, IoApic.RANGE))
                    .acpi(it -> new AcpiConfig.IoApic(1, it.place().base(), PcLayout.SECOND_IOAPIC_GSI)),
            setting -> setting.secondIoApic() ? setting.irqchip() : Owner.NOBODY),

    PIC(
            named("pic")
                    .at(ports("i8259 PIC", 0x20, 2), ports("i8259 PIC", 0xA0, 2), ports("i8259 PIC ELCR", 0x4D0, 2))
                    .acpi(LegacyPart.PIC),
            setting -> setting.irqchip(setting.options().pic())),

    PIT(
            named("pit").at(ports("i8254 PIT", 0x40, 4)).gsi(0),
            setting -> setting.irqchip(setting.options().pit())),

    /** Gate and output of the PIT's speaker channel. */
    SYSTEM_CONTROL_B(
            named("system-control-b").at(ports("i8254 PIT speaker", 0x61, 1)),
            setting -> setting.irqchip(setting.options().pit())),

    COM1(
            named("com1")
                    .at(ports("16550 UART", 0x3F8, 8))
                    .gsi(4)
                    .acpi(it -> AcpiDevice.serialPort(1, it.port(), it.gsi()))
                    .acpi(LegacyPart.ISA_DEVICES),
            setting -> Setting.machine(setting.options().isaSerial())),

    /** Index at 0x70, data at 0x71. */
    RTC(
            named("rtc")
                    .at(ports("MC146818 RTC", 0x70, 2))
                    .gsi(8)
                    .acpi(AcpiDevice.realTimeClock())
                    .acpi(LegacyPart.REAL_TIME_CLOCK),
            setting -> Setting.machine(setting.options().rtc())),

    /** Data at 0x60; command and status at 0x64. */
    I8042(named("i8042")
            .at(ports("i8042", 0x60, 1), ports("i8042", 0x64, 1))
            .gsi(1)
            .acpi(AcpiDevice.keyboardController())
            .acpi(LegacyPart.KEYBOARD_CONTROLLER)),

    /** Fast reset. */
    SYSTEM_CONTROL_A(named("system-control-a").at(ports("system control port A", 0x92, 1))),

    /** Reset control register of Intel's chip sets since the 430FX. */
    RESET_CONTROL(named("reset-control").at(ports("reset control", 0xCF9, 1))),

    /**
     * A guest ends itself with a code by a write here; test kernels know it as QEMU's
     * isa-debug-exit.
     */
    EXIT(named("exit-port").at(ports("exit port", 0xF4, ExitPort.RANGE))),

    /**
     * A small kernel turns itself off by a write here, without a look at ACPI tables, which do not
     * name the ports: fixed hardware is not there.
     */
    POWER_OFF(named("power-off-port")
            .at(
                    ports("power-off port", 0x604, PowerOffPort.RANGE),
                    ports("power-off port of Bochs", 0xB004, PowerOffPort.RANGE),
                    ports("power-off port of VirtualBox", 0x4004, PowerOffPort.RANGE))),

    /** QEMU docs/specs/fw_cfg.rst: selector and data at 0x510, DMA at 0x514. */
    FW_CFG(named("fw-cfg")
            .at(ports("fw_cfg", 0x510, FwCfg.RANGE))
            .acpi(it -> AcpiDevice.firmwareConfiguration(it.port(), FwCfg.RANGE))),

    /** What firmware prints, if somebody listens: Bochs's and QEMU's port by custom. */
    DEBUG_CONSOLE(named("debug-console").at(ports("debug console", 0x402, 1))),

    /** Generic event device with sleep and reset registers: where QEMU's microvm has it. */
    GENERIC_EVENTS(
            named("generic-events")
                    .at(memory("generic event device", 0xFEA0_0000L, GenericEventDevice.RANGE))
                    .gsi(9)
                    .acpi(it ->
                            new ResetRegister(register(it, GenericEventDevice.RESET), GenericEventDevice.RESET_VALUE))
                    .acpi(it -> new SleepRegisters(
                            register(it, GenericEventDevice.SLEEP_CONTROL),
                            register(it, GenericEventDevice.SLEEP_STATUS)))
                    .acpi(it -> new GenericEvents(
                            it.place().base() + GenericEventDevice.EVENT_SELECT,
                            it.gsi(),
                            GenericEventDevice.POWER_BUTTON)),
            setting -> Setting.machine(setting.options().acpi())),

    /** A page of memory behind the registers of the generic event device. */
    GENERATION_ID(
            named(GenerationId.PART)
                    .at(memory("VM generation ID", 0xFEA1_0000L, GuestMemoryRegion.PAGE_SIZE))
                    .acpi(it -> new AcpiConfig.GenerationId(it.place().base(), GenericEventDevice.GENERATION_CHANGED)),
            setting -> setting.options().acpi().present() ? Owner.HYPERVISOR : Owner.NOBODY),

    /** Where messages are sent too: Intel SDM vol. 3A, 11.4.1 and 11.11.1. */
    LOCAL_APICS(named("local-apics").at(memory("local APICs", 0xFEE0_0000L, 0x10_0000)), setting -> Owner.HYPERVISOR),

    /** KVM's page table and task-state segment for real mode: see KvmVirtualMachine. */
    HYPERVISOR_PAGES(
            named("hypervisor-pages").at(memory("the hypervisor's own pages", 0xFEFF_C000L, 0x4000)),
            setting -> Owner.HYPERVISOR);

    private final PartPlan plan;
    private final Function<Setting, Owner> owner;

    /** A part that every machine has. */
    PcPart(PartPlan plan) {
        this(plan, setting -> Owner.MACHINE);
    }

    PcPart(PartPlan plan, Function<Setting, Owner> owner) {
        this.plan = plan;
        this.owner = owner;
    }

    private static Register register(PartPlan part, int offset) {
        return Register.memory(part.place().base() + offset);
    }

    /** The plan for a machine that makes it itself. */
    PartPlan plan() {
        return plan;
    }

    /** The plan for a machine. */
    PartPlan plan(Setting setting) {
        return plan.ownedBy(owner.apply(setting));
    }

    /** Its global system interrupt, which it must have. */
    int gsi() {
        return plan.gsi();
    }

    /**
     * What decides who has a part.
     *
     * @param secondIoApic whether the virtio devices need one
     */
    record Setting(OptionsPlan options, boolean secondIoApic) {
        /** Who has what belongs to the interrupt controllers. */
        Owner irqchip() {
            return options.irqchip() == Irqchip.KERNEL ? Owner.HYPERVISOR : Owner.MACHINE;
        }

        Owner irqchip(Decision part) {
            return part.present() ? irqchip() : Owner.NOBODY;
        }

        static Owner machine(Decision part) {
            return part.present() ? Owner.MACHINE : Owner.NOBODY;
        }
    }
}
