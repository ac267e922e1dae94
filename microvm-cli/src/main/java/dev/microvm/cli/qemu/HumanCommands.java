package dev.microvm.cli.qemu;

import dev.microvm.PausedMachine;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** The commands of the monitor for people, with the texts of QEMU: hmp-commands.hx. */
final class HumanCommands {
    /** A command. */
    private record Handler(String help, Function<List<String>, String> action) {}

    private static final String NO_DISPLAY = "there is no display\n";

    private final Control control;
    private final Map<String, Handler> handlers = new LinkedHashMap<>();
    private final Map<String, Handler> infos = new LinkedHashMap<>();

    HumanCommands(Control control) {
        this.control = control;
        add("help, ?", "[cmd] -- show the help", this::help);
        add("info", "[subcommand] -- show various information about the system state", this::info);
        add("stop, s", "-- stop emulation", none -> done(control::stop));
        add("cont, c", "-- resume emulation", none -> done(control::cont));
        add("system_reset", "-- reset the system", none -> done(control::reset));
        add("system_powerdown", "-- send system power down event", none -> done(control::powerDown));
        add("balloon", "target -- request VM to change its memory allocation (in MB)", this::balloon);
        add("sendkey", "keys -- only ctrl-alt-delete, which presses the power button", this::sendKey);
        add("quit, q", "-- quit the emulator", none -> done(() -> control.quit("host-qmp-quit")));
        add("screendump", "-- not here", none -> NO_DISPLAY);
        add("savevm", "-- not here", none -> "use snapshots of the library: docs/snapshots.md\n");
        infos.put("status", new Handler("show the current VM status", none -> status()));
        infos.put("cpus", new Handler("show infos for each CPU", none -> cpus()));
        infos.put("registers", new Handler("show the cpu registers (-a: of all CPUs)", this::registers));
        infos.put("block", new Handler("show the block devices", none -> disks()));
        infos.put("network", new Handler("show the network state", none -> networks()));
        infos.put("chardev", new Handler("show the character devices", none -> chardevs()));
        infos.put(
                "balloon",
                new Handler(
                        "show balloon information",
                        none -> "balloon: actual=%d\n".formatted(control.memoryWithoutBalloon() >> 20)));
        infos.put("name", new Handler("show the current VM name", none -> control.command().name + "\n"));
        infos.put("uuid", new Handler("show the current VM UUID", none -> control.command().uuid + "\n"));
        infos.put("version", new Handler("show the version of QEMU", none -> QemuTable.VERSION_TEXT));
        infos.put(
                "kvm",
                new Handler(
                        "show KVM information",
                        none -> "kvm support: %s%n"
                                .formatted(control.vm().hypervisor().equals("kvm") ? "enabled" : "disabled")));
        infos.put(
                "mtree",
                new Handler(
                        "show the parts and their addresses",
                        none -> control.vm().describe()));
        infos.put("qtree", new Handler("the same", none -> control.vm().describe()));
    }

    private void add(String names, String help, Function<List<String>, String> action) {
        handlers.put(names, new Handler(help, action));
    }

    /** Runs a line and returns what it prints. */
    String run(String line) {
        List<String> words = List.of(line.strip().split("\\s+", -1));
        if (words.getFirst().isEmpty()) return "";
        for (Map.Entry<String, Handler> each : handlers.entrySet()) {
            if (!List.of(each.getKey().split(", ", -1)).contains(words.getFirst())) continue;
            try {
                return each.getValue().action().apply(words.subList(1, words.size()));
            } catch (RuntimeException e) {
                return "Error: " + e.getMessage() + "\n";
            }
        }
        return "unknown command: '" + words.getFirst() + "'\n";
    }

    private static String done(Runnable action) {
        action.run();
        return "";
    }

    private String help(List<String> words) {
        StringBuilder text = new StringBuilder();
        handlers.forEach((names, handler) -> {
            if (words.isEmpty() || List.of(names.split(", ", -1)).contains(words.getFirst())) {
                text.append(names.replace(", ", "|"))
                        .append(' ')
                        .append(handler.help())
                        .append('\n');
            }
        });
        return text.toString();
    }

    private String info(List<String> words) {
        if (words.isEmpty()) {
            StringBuilder text = new StringBuilder();
            infos.forEach((name, handler) -> text.append("info %s -- %s%n".formatted(name, handler.help())));
            return text.toString();
        }
        Handler handler = infos.get(words.getFirst());
        if (handler == null) return "unknown command: 'info " + words.getFirst() + "'\n";
        return handler.action().apply(words.subList(1, words.size()));
    }

    private String status() {
        String status = control.status();
        return switch (status) {
            case "running" -> "VM status: running\n";
            case "paused" -> "VM status: paused\n";
            default -> "VM status: paused (" + status + ")\n";
        };
    }

    private String cpus() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < control.command().machine.vcpus(); i++) {
            text.append("%s CPU #%d: thread_id=%d%n"
                    .formatted(i == 0 ? "*" : " ", i, ProcessHandle.current().pid()));
        }
        return text.toString();
    }

    private String disks() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < control.command().disks.size(); i++) {
            VirtioBlkOptions disk = control.vm().disk(i).options();
            text.append(control.command().disks.get(i) + ": " + disk + "\n");
        }
        return text.toString();
    }

    private String networks() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < control.command().networks.size(); i++) {
            text.append(control.command().networks.get(i) + ": limits from the guest: "
                    + control.vm().network(i).fromGuest() + ", to the guest: "
                    + control.vm().network(i).toGuest() + "\n");
        }
        return text.toString();
    }

    private String chardevs() {
        StringBuilder text = new StringBuilder();
        control.command().chardevs.forEach((id, each) -> text.append(id + ": filename=" + each.kind + "\n"));
        return text.toString();
    }

    private String balloon(List<String> words) {
        if (words.isEmpty()) throw new OptionException("balloon: needs the size of the guest's memory in MiB");
        int target = (int) Values.number(words.getFirst(), 0, Integer.MAX_VALUE);
        return done(() -> control.vm().balloon().targetMiB(Math.max(0, control.command().machine.memoryMiB - target)));
    }

    private String sendKey(List<String> words) {
        if (words.isEmpty()) throw new OptionException("sendkey: needs keys, such as ctrl-alt-delete");
        return done(() -> KeyPress.sendKey(words.getFirst(), control));
    }

    private String registers(List<String> words) {
        int count = words.contains("-a") ? control.command().machine.vcpus() : 1;
        return control.whilePaused(paused -> {
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < count; i++) text.append("\nCPU#" + i + "\n" + registers(paused, i));
            return text.toString();
        });
    }

    /** In the form of x86_cpu_dump_state: target/i386/cpu-dump.c. */
    private static String registers(PausedMachine paused, int vcpu) {
        Registers r = paused.registers(vcpu);
        SpecialRegisters s = paused.specialRegisters(vcpu);
        return """
                RAX=%016x RBX=%016x RCX=%016x RDX=%016x
                RSI=%016x RDI=%016x RBP=%016x RSP=%016x
                R8 =%016x R9 =%016x R10=%016x R11=%016x
                R12=%016x R13=%016x R14=%016x R15=%016x
                RIP=%016x RFL=%08x CPL=%d
                """.formatted(
                                r.rax(),
                                r.rbx(),
                                r.rcx(),
                                r.rdx(),
                                r.rsi(),
                                r.rdi(),
                                r.rbp(),
                                r.rsp(),
                                r.r8(),
                                r.r9(),
                                r.r10(),
                                r.r11(),
                                r.r12(),
                                r.r13(),
                                r.r14(),
                                r.r15(),
                                r.rip(),
                                r.rflags(),
                                s.cs().selector() & 3)
                + segment("ES", s.es())
                + segment("CS", s.cs())
                + segment("SS", s.ss())
                + segment("DS", s.ds())
                + segment("FS", s.fs())
                + segment("GS", s.gs())
                + segment("LDT", s.ldt())
                + segment("TR", s.tr())
                + "GDT=     %016x %08x%nIDT=     %016x %08x%n"
                        .formatted(
                                s.gdt().base(),
                                s.gdt().limit(),
                                s.idt().base(),
                                s.idt().limit())
                + "CR0=%08x CR2=%016x CR3=%016x CR4=%08x%nEFER=%016x%n"
                        .formatted(s.cr0(), s.cr2(), s.cr3(), s.cr4(), s.efer());
    }

    private static String segment(String name, SegmentRegister segment) {
        return "%-3s=%04x %016x %08x%n".formatted(name, segment.selector(), segment.base(), segment.limit());
    }
}
