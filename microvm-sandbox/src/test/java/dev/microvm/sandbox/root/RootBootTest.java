package dev.microvm.sandbox.root;

import static dev.microvm.boot.testing.HostProgram.run;
import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Debian's kernel mounts roots, and its overlay keeps changes in memory. */
@Lanes.Kernels
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

    private static Initramfs initramfs(PreparedRoot root) {
        Initramfs.Builder files = LinuxGuest.files("virtio_mmio", "virtio_blk", "erofs", "overlay")
                .directory("/root", 0755)
                .directory("/lower", 0755)
                .directory("/upper", 0755);
        return LinuxGuest.build(
                files, root.mountCommands("/dev/vda", "/lower", "/upper", "/root") + LinuxGuest.DIALOGUE);
    }
}
