package dev.microvm.boot.testing;

import dev.microvm.MicroVm;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.linuxguest.LinuxDiskTest;
import dev.microvm.model.Irqchip;
import java.nio.file.Path;
import java.time.Duration;

/** A program that runs Linux from a disk; the guest writes files to it until this JVM is killed. */
public final class KilledMachine {
    private KilledMachine() {}

    /**
     * Arguments: kernel, initial file system, qcow2 image of the root. Prints what the guest
     * prints.
     */
    public static void main(String[] arguments) {
        try (MicroVm vm = TestMachine.builder(Irqchip.SPLIT)
                .kernel(Path.of(arguments[0]))
                .initrd(Path.of(arguments[1]))
                .memoryMiB(256)
                .cmdline(LinuxDiskTest.CMDLINE)
                .virtioBlk(DiskImage.qcow2(Path.of(arguments[2])))
                .serial(System.out)
                .start()) {
            LinuxGuest.awaitReady(vm);
            // A file is on the disk when its number has been printed, of which it is full.
            vm.console()
                    .type("i=0; while true; do i=$((i+1)); yes $i | head -c 100000 "
                            + "| dd of=/f$((i%50)) bs=100000 conv=fsync 2> /dev/null; echo synced $i.; done\n");
            vm.awaitExit(Duration.ofMinutes(10));
        }
    }
}
