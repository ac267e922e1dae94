package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.KernelImage;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The command lines of QEMU's page, a tutorial, Ubuntu and a survey, with other paths, run Linux. */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class QemuLinuxTest {
    private static final String QUIET = "-nodefaults -no-user-config -nographic ";
    private static final String CONSOLE =
            "-chardev stdio,id=virtiocon0 -device virtio-serial-device -device virtconsole,chardev=virtiocon0 ";
    private static final String ANSWERED = "=0=";

    /** Runs each line that it reads. */
    private static final String INIT = """
            #!/bin/sh
            mount -t proc proc /proc
            mount -t sysfs sys /sys
            stty -echo
            echo ready
            while read line; do eval "$line"; echo "=$?="; done
            """;

    @SuppressWarnings("NullAway.Init") // set by prepareGuest
    private Path folder;

    @SuppressWarnings("NullAway.Init")
    private Path kernel;

    @BeforeAll
    void prepareGuest(@TempDir Path given) throws Exception {
        folder = given;
        kernel = GuestFiles.bundledKernel();
        Path vmlinux = folder.resolve("vmlinux");
        KernelImage.open(kernel).writeVmlinux(vmlinux);
        Path root = folder.resolve("root");
        for (String each : List.of("bin", "sbin", "proc", "sys", "dev")) Files.createDirectories(root.resolve(each));
        Files.copy(GuestFiles.file("busybox"), root.resolve("bin/busybox"));
        for (String each : List.of("sh", "mount", "stty", "cat", "grep", "nc", "ifconfig", "poweroff", "reboot")) {
            Files.createSymbolicLink(root.resolve("bin/" + each), Path.of("busybox"));
        }
        Files.writeString(root.resolve("sbin/init"), INIT);
        run("chmod", "0755", "root/bin/busybox", "root/sbin/init");
        Lanes.need("mke2fs", Files.isExecutable(Path.of("/usr/sbin/mke2fs")) ? "" : "install the package e2fsprogs");
        run("/usr/sbin/mke2fs", "-q", "-t", "ext4", "-d", "root", "test.img", "16M");
        Files.copy(folder.resolve("test.img"), folder.resolve("store.img")); // never written: no journal to replay
    }

    private void run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .inheritIO()
                .start();
        assertThat(process.waitFor()).as(String.join(" ", command)).isZero();
    }

    private static String ask(QemuProcess qemu, String line) throws IOException {
        qemu.type(line + "\n");
        return qemu.await(ANSWERED);
    }

    private static void powerOff(QemuProcess qemu) throws IOException, InterruptedException {
        qemu.type("poweroff -f\n");
        assertThat(qemu.exitCode()).isZero();
    }

    @Test
    void runsQemusPage_withLegacyDevices() throws Exception {
        requireTap();
        try (QemuProcess qemu = QemuProcess.start(
                folder,
                "-M microvm -enable-kvm -cpu host -m 512m -smp 2 -kernel vmlinux"
                        + " -append \"earlyprintk=ttyS0 console=ttyS0 root=/dev/vda\" " + QUIET
                        + "-serial stdio -drive id=test,file=test.img,format=raw,if=none -device virtio-blk-device,drive=test"
                        + " -netdev tap,id=tap0,script=no,downscript=no -device virtio-net-device,netdev=tap0")) {
            qemu.await("ready");

            assertThat(ask(qemu, "grep -c ^processor /proc/cpuinfo")).contains("2");
            assertThat(ask(qemu, "cat /proc/consoles")).contains("ttyS0");
            assertThat(ask(qemu, "ifconfig eth0")).contains("HWaddr");
            powerOff(qemu);
            assertThat(qemu.errors()).contains("microvm qemu: runs on " + Lanes.hypervisor() + ": ");
        }
    }

    /** Whether this user may make tap devices. */
    private static void requireTap() {
        Lanes.need(
                "network",
                Files.isWritable(Path.of("/dev/net/tun")) ? "" : "/dev/net/tun cannot be opened: run as root");
    }

    @Test
    void runsQemusPage_withoutLegacyDevices() throws Exception {
        requireTap();
        try (QemuProcess qemu = QemuProcess.start(
                folder,
                "-M microvm,x-option-roms=off,pit=off,pic=off,isa-serial=off,rtc=off"
                        + " -enable-kvm -cpu host -m 512m -smp 2 -kernel vmlinux -append \"console=hvc0 root=/dev/vda\" "
                        + QUIET
                        + CONSOLE
                        + "-drive id=test,file=test.img,format=raw,if=none -device virtio-blk-device,drive=test"
                        + " -netdev tap,id=tap0,script=no,downscript=no -device virtio-net-device,netdev=tap0")) {
            qemu.await("ready");

            assertThat(ask(qemu, "cat /proc/consoles")).contains("hvc0").doesNotContain("ttyS0");
            powerOff(qemu);
        }
    }

    @Test
    void runsTheTutorial_andForwardsAPort() throws Exception {
        int port = freePort();
        try (QemuProcess qemu = QemuProcess.start(
                folder,
                "-M microvm,x-option-roms=off,pit=off,pic=off,isa-serial=off,rtc=off"
                        + " -enable-kvm -cpu host -m 512m -smp 1 -kernel vmlinux -append \"console=hvc0 root=/dev/vda rw\" "
                        + QUIET + CONSOLE
                        + "-drive id=rootfs,file=test.img,format=raw,if=none -device virtio-blk-device,drive=rootfs"
                        + " -netdev user,id=net0,hostfwd=tcp::" + port
                        + "-:22 -device virtio-net-device,netdev=net0")) {
            qemu.await("ready");
            ask(qemu, "ifconfig eth0 10.0.2.15");
            ask(qemu, "nc -l -p 22 -e cat & ");

            assertThat(echoOf("hello", port)).isEqualTo("hello");
            powerOff(qemu);
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket any = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return any.getLocalPort();
        }
    }

    /** The guest's program may not listen yet: a connection is then reset. */
    private static String echoOf(String text, int port) throws IOException {
        while (true) {
            try (Socket socket = new Socket()) {
                socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
                socket.getOutputStream().write(text.getBytes(US_ASCII));
                InputStream in = socket.getInputStream();
                byte[] echo = in.readNBytes(text.length());
                if (echo.length == text.length()) return new String(echo, US_ASCII);
            } catch (SocketException e) {
                // again
            }
        }
    }

    @Test
    void runsUbuntusLine_withQboot() throws Exception {
        Lanes.need(
                "qemu-img", Files.isExecutable(Path.of("/usr/bin/qemu-img")) ? "" : "install the package qemu-utils");
        run("qemu-img", "convert", "-O", "qcow2", "test.img", "test.qcow2");
        try (QemuProcess qemu = QemuProcess.start(
                folder,
                "-m 128M -machine accel=kvm,rtc=on -bios " + GuestFiles.file("qboot.rom")
                        + " -kernel " + kernel + " -append 'console=ttyS0 root=/dev/vda fsck.mode=skip init=/sbin/init'"
                        + " -nodefaults -no-user-config -display none -serial mon:stdio"
                        + " -drive file=test.qcow2,index=0,format=qcow2,media=disk,if=none,id=virtio1"
                        + " -device virtio-blk-device,drive=virtio1")) {
            qemu.await("ready");
            qemu.type("\u0001c");
            qemu.await("(qemu) ");
            qemu.type("info status\n");
            assertThat(qemu.await("(qemu) ")).contains("VM status: running");
            qemu.type("info block\n");
            assertThat(qemu.await("(qemu) ")).contains("virtio1: ", "test.qcow2");
            qemu.type("\u0001cecho again\n");
            qemu.await("again");
            qemu.type("\u0001x");

            assertThat(qemu.exitCode()).isZero();
        }
    }

    @Test
    void runsTheSurveysLine_withoutKvm_andStartsAgainAfterAReset() throws Exception {
        Files.copy(GuestFiles.file("bios-microvm.bin"), folder.resolve("bios-microvm.bin"));
        Files.copy(GuestFiles.file("pvh.bin"), folder.resolve("pvh.bin"));
        try (QemuProcess qemu = QemuProcess.start(
                folder,
                "-M microvm -m 512m -smp 2 -bios ./bios-microvm.bin -kernel ./vmlinux"
                        + " -append \"earlyprintk=ttyS0 console=ttyS0 root=/dev/vda\" " + QUIET
                        + "-serial stdio -drive if=none,file=./test.img,format=raw,id=test -device virtio-blk-device,drive=test")) {
            qemu.await("ready");
            assertThat(ask(qemu, "grep -c ^processor /proc/cpuinfo")).contains("2");

            qemu.type("reboot -f\n");
            qemu.await("SeaBIOS");
            qemu.await("ready");
            powerOff(qemu);
        }
    }

    /** What microvm.nix makes (lib/runners/qemu.nix), with its scripts' commands for balloon and shutdown. */
    @Test
    void runsTheLineOfMicrovmNix() throws Exception {
        try (QemuProcess qemu = QemuProcess.start(
                folder,
                "-name nix -M microvm,accel=kvm:tcg,acpi=on,mem-merge=on,pcie=off,pic=off,pit=off,usb=off -m 512 -smp 2"
                        + " -nodefaults -no-user-config -no-reboot -kernel vmlinux"
                        + " -chardev stdio,id=stdio,signal=off -device virtio-rng-device -serial chardev:stdio -enable-kvm"
                        + " -cpu host,+x2apic,-sgx -device i8042"
                        + " -append \"earlyprintk=ttyS0 console=ttyS0 reboot=t panic=-1 root=/dev/vda\""
                        + " -drive id=store,format=raw,read-only=on,file=store.img,if=none,aio=io_uring"
                        + " -device virtio-blk-device,drive=store -nographic -sandbox on -qmp unix:qmp,server,nowait"
                        + " -device virtio-balloon,free-page-reporting=on,id=balloon0"
                        + " -netdev user,id=qemu,hostfwd=tcp:127.0.0.1:" + freePort() + "-:22,"
                        + " -device virtio-net-device,netdev=qemu,mac=02:00:00:01:01:01"
                        + " -device vhost-vsock-device,guest-cid=3")) {
            qemu.await("ready");
            try (SocketClient qmp = SocketClient.connect(folder.resolve("qmp"))) {
                qmp.execute("{\"execute\": \"qmp_capabilities\"}");
                qmp.execute("{\"execute\": \"qmp_capabilities\"}"); // the first answer was the greeting
                qmp.type("{\"execute\": \"balloon\", \"arguments\": {\"value\": %d}}".formatted(400L << 20));
                qmp.await("\"event\":\"BALLOON_CHANGE\",\"data\":{\"actual\":" + (400L << 20));
            }
            qemu.type("reboot -f\n");

            assertThat(qemu.exitCode()).isZero();
        }
    }

    @Test
    void endsAtATripleFault_withoutReboot() throws Exception {
        try (QemuProcess qemu = QemuProcess.start(
                folder,
                "-M microvm -m 128 -no-reboot -kernel vmlinux"
                        + " -append \"console=ttyS0 root=/dev/vda reboot=t\" " + QUIET
                        + "-serial stdio -drive id=test,file=test.img,format=raw,if=none -device virtio-blk-device,drive=test")) {
            qemu.await("ready");
            qemu.type("reboot -f\n");

            assertThat(qemu.exitCode()).isZero();
        }
    }
}
