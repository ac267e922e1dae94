package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.HostProgram.run;
import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.Feature;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Debian's kernel, whose virtio drivers are modules, with {@link Initramfs#rootDisk}. */
@Lanes.Kernels
@Timeout(600)
final class RootDiskTest {
    @TempDir
    private Path folder;

    @Test
    void startsTheInitOnTheDisk_andLinksThePorts() throws IOException {
        String release = Files.readString(GuestFiles.file("cloud/release")).strip();
        Initramfs initramfs = Initramfs.rootDisk("/dev/vda")
                .file("/bin/busybox", GuestFiles.file("busybox"), 0755)
                .modules(
                        GuestFiles.file("cloud/modules"),
                        release,
                        List.of("virtio_mmio", "virtio_blk", "virtio_console", "ext4"))
                .build();

        try (MicroVm vm = TestMachine.builder(Irqchip.SPLIT)
                .kernel(LinuxGuest.kernel(folder))
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k panic=-1")
                .virtioBlk(DiskImage.raw(root()))
                .virtioConsole("org.example.port")
                .start()) {
            LinuxGuest.awaitReady(vm);

            assertThat(ask(vm, "cat /on-disk")).contains("root on vda");
            ask(vm, "test -c /dev/virtio-ports/org.example.port");
        }
    }

    @Test
    void printsOnTheVirtioConsole_whoseDriverIsAModule() throws IOException {
        String release = Files.readString(GuestFiles.file("cloud/release")).strip();
        Initramfs initramfs = Initramfs.rootDisk("/dev/none")
                .file("/bin/busybox", GuestFiles.file("busybox"), 0755)
                .modules(GuestFiles.file("cloud/modules"), release, List.of("virtio_mmio", "virtio_console"))
                .build();

        try (MicroVm vm = TestMachine.builder(Irqchip.SPLIT)
                .kernel(LinuxGuest.kernel(folder))
                .initrd(initramfs)
                .memoryMiB(256)
                .pic(Feature.OFF)
                .pit(Feature.OFF)
                .rtc(Feature.OFF)
                .isaSerial(Feature.OFF)
                .cmdline("console=hvc0 quiet cryptomgr.notests reboot=k panic=-1")
                .virtioConsole()
                .start()) {
            vm.console().awaitText("init: there is no /dev/none after 30 s", Duration.ofMinutes(5));
        }
    }

    /** A small root file system with one program, as ext4 in a file. */
    private Path root() throws IOException {
        Path tree = folder.resolve("tree");
        for (String directory : List.of("bin", "sbin", "proc", "sys", "dev")) {
            Files.createDirectories(tree.resolve(directory));
        }
        Files.writeString(tree.resolve("on-disk"), "root on vda\n");
        Path busybox = Files.copy(GuestFiles.file("busybox"), tree.resolve("bin/busybox"));
        Path init = Files.writeString(tree.resolve("sbin/init"), """
                #!/bin/busybox sh
                /bin/busybox --install -s /bin
                """ + LinuxGuest.DIALOGUE);
        assertThat(init.toFile().setExecutable(true)).isTrue();
        assertThat(busybox.toFile().setExecutable(true)).isTrue();
        Path image = folder.resolve("root.ext4");
        run("mke2fs", "-q", "-t", "ext4", "-d", tree, image, "32M");
        return image;
    }
}
