package dev.microvm.sandbox.root;

import static dev.microvm.boot.testing.HostProgram.run;
import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
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

/** Debian's kernel mounts roots, and its overlay keeps changes in memory. */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(600)
final class RootBootTest {
    @TempDir
    private Path folder;

    @Test
    void mountsRootOfArchive_belowAnOverlay() throws IOException {
        Path tree = folder.resolve("tree");
        Files.createDirectories(tree.resolve("etc"));
        Files.createDirectories(tree.resolve("bin"));
        Files.writeString(tree.resolve("etc/name"), "from the host\n");
        Files.createLink(tree.resolve("etc/second"), tree.resolve("etc/name"));
        Files.copy(GuestFiles.file("busybox"), tree.resolve("bin/busybox"));
        run("chmod", "4755", tree.resolve("bin/busybox"));
        Path archive = folder.resolve("root.tar");
        run(
                "tar",
                "-C",
                tree,
                "--owner=1000",
                "--group=100000",
                "--numeric-owner",
                "--format=posix",
                "--pax-option=SCHILY.xattr.user.note:=kept",
                "-czf",
                archive,
                ".");

        try (PreparedRoot root = Root.tar(archive)
                        .cache(RootCache.at(folder.resolve("cache")))
                        .prepare();
                MicroVm vm = TestMachine.builder(Irqchip.SPLIT)
                        .kernel(LinuxGuest.kernel(folder))
                        .initrd(initramfs(root))
                        .memoryMiB(256)
                        .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k panic=-1")
                        .virtioBlk(root.disk())
                        .start()) {
            LinuxGuest.awaitReady(vm);

            assertThat(ask(vm, "stat -c '%a %u:%g %h' /root/bin/busybox")).contains("4755 1000:100000 1");
            assertThat(ask(vm, "stat -c '%a %u:%g %h' /root/etc/second")).contains("644 1000:100000 2");
            assertThat(ask(vm, "sha256sum < /root/bin/busybox"))
                    .contains(run("sha256sum", GuestFiles.file("busybox")).substring(0, 64));
            ask(vm, "echo changed > /root/etc/name");
            assertThat(ask(vm, "cat /root/etc/name /lower/etc/name"))
                    .contains("changed")
                    .contains("from the host");
            ask(vm, "chroot /root /bin/busybox test -f /etc/name");
        }
    }

    @Test
    void continuesWithTheProgramOfADisk() throws IOException {
        ErofsTools.needProgram("qemu-img", "qemu-utils");
        Path tree = folder.resolve("tree");
        for (String directory : List.of("bin", "usr/bin", "dev", "proc")) {
            Files.createDirectories(tree.resolve(directory));
        }
        Files.copy(GuestFiles.file("busybox"), tree.resolve("bin/busybox"));
        Path hello = Files.writeString(tree.resolve("usr/bin/hello"), """
            #!/bin/busybox sh
            echo "hello from $(/bin/busybox id -u)"
            /bin/busybox --install -s /bin
            """ + LinuxGuest.DIALOGUE);
        run("chmod", "755", tree.resolve("bin/busybox"), hello);
        Path raw = folder.resolve("root.ext4");
        run("mke2fs", "-q", "-t", "ext4", "-d", tree, raw, "32M");
        Path image = folder.resolve("root.qcow2");
        run("qemu-img", "convert", "-O", "qcow2", raw, image);
        byte[] before = Files.readAllBytes(image);

        Root described = Root.disk(DiskImage.qcow2(image)).changesInMemory();
        try (PreparedRoot root = described.prepare();
                MicroVm vm = TestMachine.builder(Irqchip.SPLIT)
                        .kernel(LinuxGuest.kernel(folder))
                        .initrd(LinuxGuest.build(
                                LinuxGuest.files("virtio_mmio", "virtio_blk", "ext4")
                                        .directory("/root", 0755),
                                root.mountCommands("/dev/vda", "/lower", "/upper", "/root")
                                        + "exec switch_root /root /usr/bin/hello\n"))
                        .memoryMiB(256)
                        .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k panic=-1")
                        .virtioBlk(root.disk())
                        .start()) {
            vm.console().awaitText("hello from 0", Duration.ofMinutes(5));
            LinuxGuest.awaitReady(vm);
            ask(vm, "echo changed > /changed && sync");
        }
        assertThat(Files.readAllBytes(image)).as("changes were in memory").isEqualTo(before);
    }

    private static Initramfs initramfs(PreparedRoot root) {
        Initramfs.Builder files = LinuxGuest.files("virtio_mmio", "virtio_blk", "erofs", "overlay")
                .directory("/root", 0755)
                .directory("/lower", 0755)
                .directory("/upper", 0755);
        return LinuxGuest.build(
                files, root.mountCommands("/dev/vda", "/lower", "/upper", "/root") + LinuxGuest.DIALOGUE);
    }
}
