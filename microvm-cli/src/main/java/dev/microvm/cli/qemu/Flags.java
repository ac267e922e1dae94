package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Flag.ignored;
import static dev.microvm.cli.qemu.Flag.maps;
import static dev.microvm.cli.qemu.Flag.refused;

import dev.microvm.model.Feature;
import dev.microvm.model.HypervisorChoice;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The flags: the table's first part. */
final class Flags {
    /** What a machine is made of. */
    private static final List<Flag> MACHINE = List.of(
            maps("-M, -machine", "microvm,...", "see [-M](#-m)", (command, text) -> {
                MachineProperties.ALL.apply(text, command, command);
            }),
            maps("-accel", "kvm|tcg", "see [-accel](#-accel)", (command, text) -> {
                if (text.equals("help")) command.help("Accelerators supported in QEMU binary:\nkvm\ntcg\n");
                else MachineWish.ACCEL.apply(text, command, command);
            }),
            maps("-enable-kvm", "", "as `-accel kvm`", (command, none) -> command.machine.accelerators.add("kvm")),
            maps("-cpu", "MODEL,...", CpuWish.HERE, (command, text) -> command.cpu.apply(text, command)),
            maps("-smp", "N", "see [-smp](#-smp); default 1", (command, text) -> {
                MachineWish.SMP.apply(text, command.machine, command);
            }),
            maps("-m", "N", "see [-m](#-m-1); default 128 MiB, as in QEMU", (command, text) -> {
                MachineWish.MEMORY.apply(text, command.machine, command);
            }),
            maps("-numa", "node,memdev=ID", "as `-M memory-backend=ID`; one node", Flags::numa),
            maps(
                    "-object",
                    "TYPE,id=ID,...",
                    "see [-object](#-object)",
                    (command, text) -> ObjectTypes.add(text, command)),
            maps(
                    "-global",
                    "virtio-mmio.force-legacy=on|off",
                    "`virtioVersion(LEGACY|MODERN)`; default MODERN, in QEMU legacy. Others are refused",
                    Globals::apply),
            maps(
                    "-icount",
                    "shift=N,...",
                    "see [-icount](#-icount)",
                    (command, text) -> ClockWish.icount(text, command)),
            maps("-rtc", "base=...", "see [-rtc](#-rtc)", (command, text) -> ClockWish.rtc(text, command)),
            maps("-no-acpi", "", "as `-M acpi=off`", (command, none) -> command.vm.acpi(Feature.OFF)),
            maps("-name", "NAME", "`name(\"NAME\")`; see [-name](#-name)", (command, text) -> {
                RunProperties.NAME.apply(text, command, command);
            }),
            maps(
                    "-uuid",
                    "UUID",
                    "what `query-uuid` of QMP returns; the guest does not see it",
                    (command, text) -> command.uuid = text));

    /** What it starts with. */
    private static final List<Flag> START = List.of(
            maps("-kernel", "FILE", "`kernel(file)`: vmlinux, bzImage or Multiboot", Invocation::kernel),
            maps(
                    "-initrd",
                    "FILE",
                    "`initrd(file)`; QEMU's list of modules for a Multiboot kernel, `FILE ARGS,FILE ARGS`: `module(file, args)`",
                    Invocation::initrd),
            maps("-append", "TEXT", "`cmdline(text)`; empty if it is left out, as in QEMU", (command, text) -> {
                command.hasCmdline = true;
                command.vm.cmdline(text);
            }),
            maps(
                    "-bios",
                    "FILE",
                    "`firmware(file)`. QEMU always has firmware, by default bios-microvm.bin; here a kernel is started directly"
                            + " unless you ask for firmware",
                    (command, text) -> command.firmware.file = text),
            maps("-L", "FOLDER", "where `-bios` and option ROMs are looked for", (command, text) -> {
                if (!text.equals("help")) command.firmware.folders.add(Path.of(text));
            }),
            maps(
                    "-option-rom",
                    "FILE",
                    "`optionRom(file)`",
                    (command, text) -> command.vm.optionRom(
                            Path.of(text.replaceFirst("^romfile=", "").replaceFirst(",bootindex=.*", "")))),
            maps("-fw_cfg", "NAME,...", "see [-fw_cfg](#-fw_cfg)", FwCfgItem::add));

    /** Devices, and what is behind them. */
    private static final List<Flag> DEVICES = List.of(
            maps("-device", "TYPE,...", "see [-device](#-device)", (command, text) -> DeviceTypes.add(text, command)),
            maps("-drive", "if=none,id=ID,...", "see [-drive](#-drive)", (command, text) -> Drive.add(text, command)),
            maps(
                    "-blockdev",
                    "DRIVER,...",
                    "see [-blockdev](#-blockdev)",
                    (command, text) -> BlockNode.add(text, command)),
            maps("-snapshot", "", "`image.overlay()` for each disk", (command, none) -> command.snapshot = true),
            maps(
                    "-netdev",
                    "TYPE,id=ID,...",
                    "see [-netdev user](#-netdev-user), [-netdev tap](#-netdev-tap),"
                            + " [-netdev stream](#-netdev-stream)",
                    (command, text) -> Netdev.add(text, command)),
            maps(
                    "-nic, -net",
                    "none",
                    "nothing; others are refused: use -netdev and -device virtio-net-device",
                    (command, text) -> {
                        Values.only(text, "none", "use -netdev TYPE,id=ID,... -device virtio-net-device,netdev=ID");
                    }),
            maps(
                    "-chardev",
                    "TYPE,id=ID,...",
                    "see [-chardev](#-chardev)",
                    (command, text) -> Chardev.add(text, command)),
            maps(
                    "-serial",
                    "stdio|mon:stdio|...",
                    "where the serial port leads to: stdio, null, none, file:PATH, pty, unix:PATH,..., tcp:HOST:PORT,..., chardev:ID;"
                            + " mon: adds the monitor, and Ctrl-A c changes over",
                    Flags::serial),
            maps(
                    "-monitor",
                    "stdio|...",
                    "the monitor, at the same places",
                    (command, text) -> monitor(command, text, false, false)),
            maps(
                    "-qmp",
                    "unix:PATH,...",
                    "QMP, at the same places",
                    (command, text) -> monitor(command, text, true, false)),
            maps(
                    "-qmp-pretty",
                    "unix:PATH,...",
                    "the same, indented",
                    (command, text) -> monitor(command, text, true, true)),
            maps("-mon", "chardev=ID,...", "see [-mon](#-mon)", MonitorFlag::add),
            maps("-debugcon", "stdio|...", "`firmwareLog(...)`, with firmware", (command, text) -> {
                command.debugConsole = Chardev.shortForm(text, command);
            }));

    /** How it runs. */
    private static final List<Flag> RUN = List.of(
            maps("-h, -help", "", "prints the flags", (command, none) -> command.help(QemuTable.usage())),
            maps("-version", "", "prints the version", (command, none) -> command.help(QemuTable.VERSION_TEXT)),
            maps(
                    "-nodefaults",
                    "",
                    "without it, a serial port without -serial leads to mon:stdio",
                    (command, none) -> command.defaults = false),
            maps("-nographic", "", "no display, as always", (command, none) -> command.nographic = true),
            maps("-display", "none", "the only one", (command, text) -> {
                Values.only(text.split(",", -1)[0], "none", "there is no display; use -serial mon:stdio");
                command.displayNone = true;
            }),
            maps(
                    "-vga, -parallel",
                    "none",
                    "the only one",
                    (command, text) -> Values.only(text, "none", "there is none")),
            maps(
                    "-S",
                    "",
                    "`startPaused()`; cont of a monitor starts it",
                    (command, none) -> command.startPaused = true),
            maps(
                    "-no-reboot",
                    "",
                    "`onReset(END)`; without it `onReset(RESTART)`",
                    (command, none) -> command.resetEnds = true),
            maps(
                    "-no-shutdown",
                    "",
                    "after the end the program stays, for its monitors, until quit; the machine cannot start again then",
                    (command, none) -> command.staysAfterShutdown = true),
            maps(
                    "-action",
                    "reboot=...",
                    "see [-action](#-action)",
                    (command, text) -> RunProperties.ACTION.apply(text, command, command)),
            maps(
                    "-pidfile",
                    "FILE",
                    "the number of this process, until it ends",
                    (command, text) -> command.pidFile = Path.of(text)),
            maps(
                    "-daemonize",
                    "",
                    "a process in the background, which has started the guest when this one ends; nothing of it may use stdio",
                    (command, none) -> command.daemonize = true),
            maps(
                    "-sandbox",
                    "on|off",
                    "accepted with a note: this program does not filter its system calls",
                    (command, text) -> {
                        if (!text.startsWith("off"))
                            command.problems()
                                    .note(
                                            "-sandbox " + text,
                                            "this program does not filter its system calls;"
                                                    + " run it in a container or by systemd with SystemCallFilter= for that");
                    }),
            maps(
                    "-overcommit",
                    "mem-lock=off,...",
                    "mem-lock=on is refused; cpu-pm changes nothing",
                    (command, text) -> {
                        if (text.contains("mem-lock=on"))
                            throw new OptionException("guest memory is not locked; use -overcommit mem-lock=off");
                    }));

    /** What changes nothing. */
    private static final List<Flag> IGNORED = List.of(
            ignored(
                    "-no-user-config, -no-hpet, -no-fd-bootchk, -win2k-hack, -async-teardown, -mem-prealloc",
                    "",
                    "always so"),
            ignored(
                    "-msg, -compat, -boot, -k, -dfilter, -seed, -watchdog-action",
                    "...",
                    "changes nothing of this machine"),
            ignored(
                    "-enable-sync-profile, -only-migratable, -singlestep, -audio-help",
                    "",
                    "changes nothing of this machine"));

    private static final String IDE =
            "there is no IDE, floppy or SD; use -drive if=none,id=ID,format=raw,file=FILE -device"
                    + " virtio-blk-device,drive=ID";

    /** What is an error. */
    private static final List<Flag> REFUSED = List.of(
            refused("-hda, -hdb, -hdc, -hdd, -fda, -fdb, -cdrom, -sd, -mtdblock, -pflash", "FILE", IDE),
            refused("-fsdev, -virtfs", "...", DeviceTypes.NO_FOLDERS),
            refused("-usb, -full-screen, -alt-grab, -ctrl-grab", "", "there is no display and no USB; leave it out"),
            refused(
                    "-usbdevice, -vnc, -spice, -audio, -audiodev, -soundhw, -portrait, -rotate",
                    "...",
                    "there is no display, sound or USB; use -display none"),
            refused(
                    "-gdb",
                    "...",
                    "there is no gdb server; a program reads and writes registers and memory by vm.pause()"),
            refused("-s", "", "there is no gdb server; a program reads and writes registers and memory by vm.pause()"),
            refused(
                    "-d, -D",
                    "...",
                    "there is no log of instructions; use the system property org.slf4j.simpleLogger.defaultLogLevel"),
            refused("-trace, -plugin, -dump-vmstate, -set", "...", "not here; leave it out"),
            refused(
                    "-runas, -user, -run-with, -chroot",
                    "...",
                    "start the program as that user, in that root; use systemd-run or runuser"),
            refused("-loadvm, -incoming", "...", "use snapshots of the library: docs/snapshots.md"),
            refused("-readconfig, -writeconfig, -add-fd", "...", "give all options on the command line"),
            refused(
                    "-mem-path",
                    "FILE",
                    "use -object memory-backend-file,share=off,id=m,size=N,mem-path=FILE -M memory-backend=m"),
            refused("-dtb", "FILE", "there is no device tree; guests find devices by ACPI"),
            refused("-acpitable, -smbios, -tpmdev, -iscsi", "...", "not here; leave it out"),
            refused("-echr", "N", "the escape character is Ctrl-A"),
            refused("-xen-domid, -xen-attach, -xen-domid-restrict", "...", "there is no Xen; leave it out"),
            refused("--preconfig, -preconfig", "", "use -S"));

    /** All, in groups with their titles. */
    record Group(String title, List<Flag> flags) {}

    static final List<Group> GROUPS = List.of(
            new Group("Machine", MACHINE),
            new Group("Start", START),
            new Group("Devices", DEVICES),
            new Group("Run", RUN),
            new Group("Accepted, without effect", IGNORED),
            new Group("Refused, with what to use instead", REFUSED));

    private Flags() {}

    /** Finds a flag; QEMU also takes two dashes. Null if there is none. */
    static @Nullable Flag named(String given) {
        String name = given.startsWith("--") ? given.substring(1) : given;
        return GROUPS.stream()
                .flatMap(group -> group.flags().stream())
                .filter(flag -> flag.isNamed(name))
                .findFirst()
                .orElse(null);
    }

    private static void numa(Invocation command, String text) {
        for (KeyValue each : KeyValue.parse(text, "type")) {
            switch (each.key()) {
                case "type" -> Values.only(each.value(), "node", "one node has all memory; leave it out");
                case "memdev" -> command.memoryBackend = each.value();
                case "nodeid", "cpus" -> {} // the one node has all
                default -> throw new OptionException("only node,memdev=ID; leave " + each.key() + " out");
            }
        }
    }

    private static void serial(Invocation command, String text) {
        command.serials.add(text.equals("none") ? "" : Chardev.shortForm(text, command));
    }

    private static void monitor(Invocation command, String text, boolean qmp, boolean pretty) {
        if (text.equals("none")) return;
        command.monitors.add(new Invocation.MonitorWish(Chardev.shortForm(text, command), qmp, pretty));
    }

    /** Returns the choice of {@code -accel} and {@code -icount}. */
    static @Nullable HypervisorChoice hypervisor(MachineWish machine) {
        boolean tcg = !machine.accelerators.isEmpty()
                && machine.accelerators.getFirst().equals("tcg");
        return tcg ? HypervisorChoice.ENGINE : null;
    }
}
