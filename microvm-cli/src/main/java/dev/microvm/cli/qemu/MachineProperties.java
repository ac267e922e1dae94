package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;
import static dev.microvm.cli.qemu.Property.refused;

import dev.microvm.model.Irqchip;
import java.util.List;

/** The properties of {@code -M microvm}: a part of the table. */
final class MachineProperties {
    static final Property<Invocation> IRQCHIP = maps(
            "kernel-irqchip=on|split",
            "`irqchip(KERNEL|SPLIT)`; SPLIT is the default in both, and there is no off",
            (command, value) -> command.vm.irqchip(
                    Values.oneOf(value, "on", "split").equals("on") ? Irqchip.KERNEL : Irqchip.SPLIT));

    private static final String NO_PCI = "there is no PCI and no USB, as in QEMU by default; use virtio devices whose"
            + " names end with -device, and leave it off";

    static final Grammar<Invocation> ALL = new Grammar<>(
            "-M",
            "type",
            List.of(
                    maps(
                            "type=microvm",
                            "`MicroVm.builder()`; the default, so that `-M pit=off` is enough",
                            MachineProperties::type),
                    maps(
                            "pit=on|off|auto",
                            "`pit(ON|OFF|AUTO)`; AUTO is on. OFF is refused if the hypervisor has neither a TSC-deadline timer"
                                    + " nor a paravirtual clock",
                            (command, value) -> command.vm.pit(Values.feature(value))),
                    maps(
                            "pic=on|off|auto",
                            "`pic(ON|OFF|AUTO)`; AUTO is on. OFF is refused with `irqchip(KERNEL)`",
                            (command, value) -> command.vm.pic(Values.feature(value))),
                    maps(
                            "rtc=on|off|auto",
                            "`rtc(ON|OFF|AUTO)`; AUTO is on. In QEMU it is off under KVM, and a Debian guest then waits 2 to"
                                    + " 13 s for an RTC. OFF tells the guest that there is none",
                            (command, value) -> command.vm.rtc(Values.feature(value))),
                    maps(
                            "isa-serial=on|off",
                            "`isaSerial(ON|OFF)`; on by default",
                            (command, value) -> command.isaSerial(Values.isOn(value))),
                    maps(
                            "x-option-roms=on|off",
                            "`optionRoms(ON|OFF)` and `optionRom(file)`: with `-bios`, the ROM by which SeaBIOS starts the"
                                    + " kernel, from the folder of the `-bios` file, of `-L` or QEMU's own",
                            (command, value) -> command.firmware.optionRoms = Values.isOn(value)),
                    maps(
                            "auto-kernel-cmdline=on|off",
                            "`autoKernelCmdline(ON|OFF)`; adds nothing if there are ACPI tables, as in QEMU. Without them it"
                                    + " adds `acpi=off`, and says that there is no RTC if so",
                            (command, value) -> command.vm.autoKernelCmdline(Values.feature(value))),
                    maps(
                            "acpi=on|off|auto",
                            "`acpi(ON|OFF|AUTO)`; AUTO is on. Without ACPI a guest has an MP table. QEMU's firmware writes it;"
                                    + " for a direct start we do",
                            (command, value) -> command.vm.acpi(Values.feature(value))),
                    maps(
                            "accel=kvm|tcg",
                            "as [-accel](#-accel)",
                            (command, value) -> MachineWish.ACCEL.apply(
                                    List.of(new KeyValue("accel", value, false)), value, command, command)),
                    IRQCHIP,
                    maps(
                            "memory-backend=ID",
                            "`ram(...)` of the [-object](#-object) with that id",
                            (command, value) -> command.memoryBackend = value),
                    maps("memory=N, memory.size=N", "as `-m`", (command, value) -> {
                        MachineWish.MEMORY.apply(value, command.machine, command);
                    }),
                    maps("smp.*", "as `-smp cpus=N`; the rest of smp. by `-smp`", (command, value) -> {
                        MachineWish.SMP.apply("cpus=" + value, command.machine, command);
                    }),
                    maps("kernel=FILE", "as `-kernel`", (command, value) -> command.kernel(value)),
                    maps("initrd=FILE", "as `-initrd`", (command, value) -> command.initrd(value)),
                    maps("append=TEXT", "as `-append`", (command, value) -> command.vm.cmdline(value)),
                    maps("firmware=FILE", "as `-bios`", (command, value) -> command.firmware.file = value),
                    ignored(
                            "ioapic2",
                            "the second IOAPIC is there if there are more than eight virtio devices, with `irqchip(SPLIT)` and"
                                    + " ACPI"),
                    maps(
                            "usb=off, graphics=off, pcie=off|auto, smm=off|auto, vmport=off|auto",
                            "off here",
                            (command, value) -> {
                                if (!value.equals("auto") && Values.isOn(value)) throw new OptionException(NO_PCI);
                            }),
                    refused(
                            "dtb, dumpdtb, dt-compatible, phandle-start",
                            "there is no device tree; guests find devices by ACPI"),
                    ignored(
                            "mem-merge, dump-guest-core, suppress-vmdesc, x-oem-id, x-oem-table-id, boot, nvdimm=off, hmat=off",
                            "changes nothing that a guest of this machine needs"),
                    refused(
                            "confidential-guest-support, memory-encryption, sgx-epc, cxl-fmw, bus-lock-ratelimit",
                            "not here; leave it out")));

    private MachineProperties() {}

    private static void type(Invocation command, String value) {
        if (value.equals("help") || value.equals("?")) {
            command.help("Supported machines are:\nmicrovm              microvm (i386)\n");
        } else if (!value.equals("microvm")) {
            throw new OptionException("there is only the machine microvm, was \"" + value + "\"; use -M microvm,"
                    + " with virtio devices whose names end with -device");
        }
    }
}
