package dev.microvm.cli.qemu;

import java.util.ArrayList;
import java.util.List;

/** What {@code -accel}, {@code -m} and {@code -smp} say, until all of it is known. */
final class MachineWish {
    static final Grammar<Invocation> ACCEL = new Grammar<>(
            "-accel",
            "accel",
            List.of(
                    Property.maps(
                            "accel=kvm|tcg",
                            "kvm: KVM if it runs an ordinary kernel, else the engine, with a line that says why; the system"
                                    + " property `microvm.hypervisor` can require one. tcg: `hypervisor(ENGINE)`. A list such as"
                                    + " kvm:tcg: the first that is here",
                            (command, value) -> command.machine.accelerators.addAll(accelerators(value))),
                    MachineProperties.IRQCHIP,
                    Property.ignored(
                            "thread, tb-size, split-wx, one-insn-per-tb",
                            "TCG's; each vCPU of the engine has a thread"),
                    Property.ignored("kvm-shadow-mem, dirty-ring-size, notify-vmexit, notify-window", "details of KVM"),
                    Property.refused("igd-passthru, device, eager-split-size", "not here; leave it out")));

    static final Grammar<MachineWish> MEMORY = new Grammar<>(
            "-m",
            "size",
            List.of(
                    Property.maps(
                            "size=N",
                            "`memoryMiB(N)`; N alone is MiB, else with a unit: 512M, 1.5G. A part of a MiB is rounded up",
                            MachineWish::memory),
                    Property.refused(
                            "slots, maxmem",
                            "memory cannot be added later; give all of it by size=, and -device virtio-balloon-device to"
                                    + " take some back")));

    static final Grammar<MachineWish> SMP = new Grammar<>(
            "-smp",
            "cpus",
            List.of(
                    Property.maps("cpus=N", "`vcpus(N)`", (wish, value) -> wish.cpus = count(value)),
                    Property.maps(
                            "sockets, dies, clusters, cores",
                            "multiplied if cpus is left out; the guest sees cores of one socket",
                            (wish, value) -> wish.product *= count(value)),
                    Property.maps("threads=1|2", "the same; 2: `smt(ON)`, two threads a core", MachineWish::threads),
                    Property.maps(
                            "maxcpus=N",
                            "must be the number of vCPUs: none can be added later",
                            (wish, value) -> wish.maxCpus = count(value))));

    private static final long MIB = 1 << 20;

    final List<String> accelerators = new ArrayList<>();
    int memoryMiB = 128; // as in QEMU
    boolean roundedUp; // to a MiB
    private int cpus;
    private int product = 1;
    private int maxCpus;
    private boolean smt;

    private static int count(String text) {
        return (int) Values.number(text, 1, 1024);
    }

    /** Returns those of a list that are here: of others, such as hvf, QEMU takes the next, too. */
    private static List<String> accelerators(String text) {
        List<String> here = new ArrayList<>(List.of(text.split(":", -1)));
        here.retainAll(List.of("kvm", "tcg"));
        if (here.isEmpty()) throw new OptionException("there is no " + text + " here; use kvm, or tcg for the engine");
        return here;
    }

    private void memory(String text) {
        long bytes = Values.size(text, 'M');
        roundedUp = bytes % MIB != 0;
        long mib = bytes / MIB + (roundedUp ? 1 : 0);
        if (mib > Integer.MAX_VALUE) throw new OptionException("at most 2048T, was \"" + text + "\"");
        memoryMiB = (int) mib;
    }

    private void threads(String text) {
        int count = count(text);
        if (count > 2) throw new OptionException("1 or 2, was " + count + "; use cores=");
        product *= count;
        smt = count == 2;
    }

    /** Returns whether cores have two threads. */
    boolean smt() {
        return smt;
    }

    /** Returns the number of vCPUs. */
    int vcpus() {
        int count = cpus == 0 ? product : cpus;
        if (maxCpus != 0 && maxCpus != count) {
            throw new OptionException("maxcpus=%d: there are %d vCPUs, and none can be added later; leave maxcpus out"
                    .formatted(maxCpus, count));
        }
        return count;
    }
}
