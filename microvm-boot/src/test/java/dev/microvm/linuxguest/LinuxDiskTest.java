package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.HostProgram.run;
import static dev.microvm.boot.testing.HostProgram.status;
import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.KilledMachine;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.ChildJvm;
import dev.microvm.testing.Lanes;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Debian's kernel with its root on a virtio disk. {@code -Dmicrovm.diskMiB=200} writes 200 MiB
 * instead of a little, {@code -Dmicrovm.diskKills=20} kills the JVM 20 times.
 */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(900)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public final class LinuxDiskTest {
    private static final int KILLS = Integer.getInteger("microvm.diskKills", 2);
    private static final Pattern SYNCED = Pattern.compile("synced (\\d+)\\.");
    private static final int CONSISTENT = 0; // exit status of qemu-img check
    private static final int LEAKS = 3;

    public static final String CMDLINE = "console=ttyS0 quiet cryptomgr.notests reboot=k panic=-1";

    private static final int DATA_MIB = Integer.getInteger("microvm.diskMiB", 16);

    /** Finds the disk and continues with the program on it. */
    private static final String INITIAL = """
            until mount -t ext4 /dev/vda /root; do sleep 1; done
            exec switch_root /root /sbin/init
            """;

    @TempDir
    private static Path folder;

    @SuppressWarnings("NullAway.Init") // set by prepare
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @SuppressWarnings("NullAway.Init")
    private Path data;

    @SuppressWarnings("NullAway.Init")
    private String dataMd5;

    /** The format of the root's image. */
    enum Root {
        RAW,
        QCOW2,
        OVERLAY
    }

    @BeforeAll
    void prepare() throws IOException, NoSuchAlgorithmException {
        kernel = LinuxGuest.kernel(folder);
        initramfs =
                LinuxGuest.build(LinuxGuest.files("virtio_mmio", "virtio_blk").directory("/root", 0755), INITIAL);
        byte[] random = new byte[DATA_MIB << 20];
        new Random(1).nextBytes(random);
        data = Files.write(folder.resolve("data"), random);
        dataMd5 = HexFormat.of().formatHex(MessageDigest.getInstance("MD5").digest(random));
    }

    /** A small root file system with one program, as ext4 in a file. */
    private Path makeRoot(String name) throws IOException {
        Path tree = folder.resolve("tree-" + name);
        for (String directory : List.of("bin", "sbin", "proc", "sys", "dev", "mnt")) {
            Files.createDirectories(tree.resolve(directory));
        }
        Files.copy(GuestFiles.file("busybox"), tree.resolve("bin/busybox"));
        Path init = Files.writeString(tree.resolve("sbin/init"), LinuxGuest.init(LinuxGuest.DIALOGUE));
        assertThat(init.toFile().setExecutable(true)).isTrue();
        assertThat(tree.resolve("bin/busybox").toFile().setExecutable(true)).isTrue();
        Path image = folder.resolve(name + ".ext4");
        run("mke2fs", "-q", "-t", "ext4", "-d", tree, image, DATA_MIB * 2 + 32 + "M");
        return image;
    }

    @ParameterizedTest
    @EnumSource
    void keepsWhatAGuestWrites_onItsRootAndOnADiskAsItIs(Root kind) throws IOException {
        Path ext4 = makeRoot(kind.name());
        Path qcow2 = folder.resolve(kind + ".qcow2");
        Path target = folder.resolve(kind + "-target.qcow2");
        run("qemu-img", "create", "-q", "-f", "qcow2", target, DATA_MIB + "M");
        DiskImage root = switch (kind) {
            case RAW -> DiskImage.raw(ext4);
            case OVERLAY -> DiskImage.raw(ext4).overlay();
            case QCOW2 -> {
                run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", ext4, qcow2);
                yield DiskImage.qcow2(qcow2);
            }
        };
        byte[] before = Files.readAllBytes(ext4);

        try (MicroVm vm = TestMachine.builder(Irqchip.SPLIT)
                .kernel(kernel)
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline(CMDLINE)
                .virtioBlk(root)
                .virtioBlk(VirtioBlkOptions.of(DiskImage.raw(data).readOnly()).serial("known"))
                .virtioBlk(VirtioBlkOptions.of(DiskImage.qcow2(target)).queues(2))
                .start()) {
            LinuxGuest.awaitReady(vm);
            assertThat(ask(vm, "cat /sys/block/vdb/serial /sys/block/vdb/ro")).containsPattern("known1\\s+=0=");
            ask(vm, "dd if=/dev/vdb of=/file bs=1M conv=fsync");
            ask(vm, "echo 3 > /proc/sys/vm/drop_caches");
            assertThat(ask(vm, "md5sum /file")).contains(dataMd5);
            ask(vm, "dd if=/dev/vdb of=/dev/vdc bs=64k conv=fsync");
            ask(vm, "echo 3 > /proc/sys/vm/drop_caches");
            assertThat(ask(vm, "md5sum /dev/vdc")).contains(dataMd5);
            ask(vm, "sync; mount -o remount,ro /");
        }

        run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", data, target);
        run("qemu-img", "check", "-q", "-f", "qcow2", target);
        switch (kind) {
            case OVERLAY ->
                assertThat(Files.mismatch(ext4, Files.write(folder.resolve("before"), before)))
                        .as("the image below the overlay")
                        .isEqualTo(-1);
            case RAW -> checkFileSystem(ext4);
            case QCOW2 -> {
                run("qemu-img", "check", "-q", "-f", "qcow2", qcow2);
                run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", qcow2, ext4);
                checkFileSystem(ext4);
            }
        }
    }

    /** The host's own tools find the file system intact, and the file in it. */
    private void checkFileSystem(Path ext4) throws IOException {
        run("e2fsck", "-f", "-n", ext4);
        Path file = folder.resolve("file");
        run("debugfs", "-R", "dump /file " + file, ext4);
        assertThat(Files.mismatch(file, data)).isEqualTo(-1);
    }

    @Test
    void discardsAndZeroes_whatTheGuestDoesNotNeed() throws IOException {
        Path image = folder.resolve("discard.qcow2");
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", data, image);
        Path root = makeRoot("discard");
        long full = Files.size(image);

        try (MicroVm vm = TestMachine.builder(Irqchip.SPLIT)
                .kernel(kernel)
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline(CMDLINE)
                .virtioBlk(DiskImage.raw(root).overlay())
                .virtioBlk(DiskImage.qcow2(image))
                .start()) {
            LinuxGuest.awaitReady(vm);
            ask(vm, "blkdiscard /dev/vdb");
            ask(vm, "head -c %d /dev/zero | cmp - /dev/vdb".formatted(DATA_MIB << 20));
        }

        run("qemu-img", "check", "-q", "-f", "qcow2", image);
        assertThat(full).isGreaterThan(DATA_MIB << 20);
        assertThat(run("du", "-k", image)).matches(text -> Long.parseLong(text.split("\t", 2)[0]) < 1024);
    }

    /** The JVM, with the machine in it, is killed while the guest writes and syncs files. */
    @Test
    void keepsWhatTheGuestSynced_whenTheJvmIsKilled() throws IOException, InterruptedException {
        Path initrd = folder.resolve("initrd");
        initramfs.write(initrd);
        Path root = makeRoot("killed");
        SplittableRandom random = new SplittableRandom(1);
        for (int kill = 0; kill < KILLS; kill++) {
            Path image = folder.resolve("killed" + kill + ".qcow2");
            run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", root, image);

            int last = runAndKill(initrd, image, random.nextInt(3000));

            int status = status("qemu-img", "check", "-f", "qcow2", image);
            assertThat(status).isIn(CONSISTENT, LEAKS);
            Path ext4 = folder.resolve("killed.ext4");
            run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", image, ext4);
            assertThat(status("e2fsck", "-f", "-y", ext4))
                    .as("errors that are left")
                    .isLessThan(4); // e2fsck(8)
            checkFile(ext4, last);
        }
    }

    /** Checks that the last synced file is full of its number. */
    private static void checkFile(Path ext4, int number) throws IOException {
        Path file = folder.resolve("file");
        run("debugfs", "-R", "dump /f" + number % 50 + " " + file, ext4);
        String expected = (number + "\n").repeat(100_000).substring(0, 100_000);
        assertThat(Files.readString(file))
                .as("file that was synced in turn %d", number)
                .isEqualTo(expected);
    }

    /** Returns the number of the last file that the guest synced. */
    private int runAndKill(Path initrd, Path image, int milliseconds) throws IOException, InterruptedException {
        Process machine = new ProcessBuilder(
                        ChildJvm.java(),
                        "-Dmicrovm.hypervisor=" + Lanes.hypervisor(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        ChildJvm.classPath(),
                        KilledMachine.class.getName(),
                        kernel.toString(),
                        initrd.toString(),
                        image.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader output = machine.inputReader()) {
            int last = 0;
            long killAt = Long.MAX_VALUE;
            for (String line = output.readLine(); line != null; line = output.readLine()) {
                Matcher synced = SYNCED.matcher(line);
                if (!synced.find()) continue;
                last = Integer.parseInt(synced.group(1));
                if (killAt == Long.MAX_VALUE) killAt = System.nanoTime() + milliseconds * 1_000_000L;
                if (System.nanoTime() >= killAt) machine.toHandle().destroyForcibly();
            }
            machine.waitFor();
            assertThat(last).as("files that were synced").isPositive();
            return last;
        } finally {
            machine.destroyForcibly();
        }
    }
}
