package dev.microvm.boot.testing;

import dev.microvm.ConsoleTarget;
import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.NativeAccessTest;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.TapBackend;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.HypervisorChoice;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * The program that {@link NativeAccessTest} runs in a new JVM. Prints the problems of a
 * machine, and how its guest ended if there are none.
 */
public final class NativeAccessProgram {
    /** Prints the problems of a terminal and a tap, instead of running the guest. */
    public static final String OF_LINUX = "of-linux";

    private NativeAccessProgram() {}

    /**
     * Expects a folder with a disk image {@code disk}, the hypervisor, and optionally
     * {@link #OF_LINUX}.
     */
    public static void main(String[] args) {
        Path folder = Path.of(args[0]);
        MicroVmBuilder machine = TinyKernel.of("ends", folder, "exit")
                .hypervisor(HypervisorChoice.valueOf(args[1]))
                .ram(RamBacking.shared())
                .virtioBlk(DiskImage.raw(folder.resolve("disk")))
                .virtioBalloon();
        if (args.length > 2) machine.serial(ConsoleTarget.stdio()).virtioNet(new TapBackend("tap9"));
        List<String> problems = machine.problems();
        problems.forEach(System.out::println);
        if (!problems.isEmpty()) return;
        try (MicroVm vm = machine.start()) {
            System.out.println(vm.awaitExit(Duration.ofSeconds(60)).reason() + "!");
            System.out.println(vm.describe());
        }
    }
}
