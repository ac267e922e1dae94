package dev.microvm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

class InitramfsTest {
    private static final Path CPIO = Path.of("/usr/bin/cpio");

    @TempDir
    Path folder;

    @Test
    void writesOneHeaderAndTheTrailer_whenThereIsOneFile() {
        byte[] image = Initramfs.builder().file("/a", "hi", 0644).build().toBytes();

        assertThat(new String(image, StandardCharsets.US_ASCII))
                .isEqualTo("070701" + "00000001" + "000081A4" + "00000000".repeat(2) + "00000001" + "00000000"
                        + "00000002" + "00000000".repeat(4) + "00000002" + "00000000" + "a\0" + "hi\0\0"
                        + "070701" + "00000000".repeat(4) + "00000001" + "00000000".repeat(6) + "0000000B"
                        + "00000000" + "TRAILER!!!\0" + "\0\0\0");
    }

    @Test
    void makesTheSameBytes_whenTheSameIsAddedInAnotherOrder() {
        byte[] one = Initramfs.builder()
                .directory("/dev", 0755)
                .file("/b/c", "x", 0600)
                .init("#!x")
                .build()
                .toBytes();
        byte[] other = Initramfs.builder()
                .init("#!x")
                .file("b/c", "x", 0600)
                .directory("dev", 0755)
                .build()
                .toBytes();

        assertThat(one).isEqualTo(other);
    }

    @Test
    void isListedByCpio_whenItHasOneOfEachKind() throws Exception {
        Initramfs initramfs = Initramfs.builder()
                .file("/usr/bin/tool", Guests.file(folder, new byte[1001]), 0755)
                .symlink("/bin", "usr/bin")
                .directory("/tmp", 01777)
                .characterDevice("/dev/console", 5, 1, 0600)
                .blockDevice("/dev/vda", 254, 0, 0660)
                .init("#!/bin/sh\n")
                .build();

        assertThat(cpio(initramfs.toBytes()))
                .contains(
                        "drwxr-xr-x   2 root     root            0 Jan  1  1970 dev",
                        "crw-------   1 root     root       5,   1 Jan  1  1970 dev/console",
                        "brw-rw----   1 root     root     254,   0 Jan  1  1970 dev/vda",
                        "drwxrwxrwt   2 root     root            0 Jan  1  1970 tmp",
                        "lrwxrwxrwx   1 root     root            7 Jan  1  1970 bin -> usr/bin",
                        "drwxr-xr-x   2 root     root            0 Jan  1  1970 usr/bin",
                        "-rwxr-xr-x   1 root     root         1001 Jan  1  1970 usr/bin/tool",
                        "-rwxr-xr-x   1 root     root           10 Jan  1  1970 init");
    }

    @Test
    void followsItsBaseOnABoundary_whenItExtendsAnImage() {
        byte[] full = Initramfs.builder().file("/a", "hi", 0644).build().toBytes();
        byte[] base = Arrays.copyOf(full, full.length - 3); // ends with the last name

        byte[] image = Initramfs.builder().base(base).init("#!x").build().toBytes();

        assertThat(new String(image, StandardCharsets.US_ASCII)).contains("TRAILER!!!\0\0\0\0" + "070701");
    }

    @ParameterizedTest
    @ValueSource(ints = {755, 644, 777, 700, 600, 1777})
    void refuses_whenAModeIsDecimal(int mode) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Initramfs.builder().file("/a", "", mode))
                .withMessage("mode %d of /a: is 0%o in octal; write 0%d, or FileMode.of(\"%d\")"
                        .formatted(mode, mode, mode, mode));
    }

    @Test
    void takesAModeAsText() {
        assertThat(FileMode.of("755")).isEqualTo(0755);
        assertThat(FileMode.of("1777")).isEqualTo(01777);
        assertThat(FileMode.of("rwxr-x--x")).isEqualTo(0751);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> FileMode.of("rwx"))
                .withMessage("mode 'rwx': must be like 755 or rwxr-xr-x");
    }

    @Test
    void refuses_whenTheKernelCouldNotStartInit() {
        initRefusal("echo hello\n", 0755, "found one that begins with 65 63 68 6f 20 68 65 6c");
        initRefusal("", 0755, "found an empty file");
        initRefusal("#!/bin/sh\n", 0644, "expected an /init that may be executed, such as mode 0755, found mode 0644");
        initRefusal("\u007fELF\2\1\1" + "\0".repeat(9) + "\2\0\267\0", 0755, "found an ELF program for machine 183");
    }

    private static void initRefusal(String init, int mode, String message) {
        byte[] bytes = init.getBytes(StandardCharsets.ISO_8859_1);
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> Initramfs.builder().file("/init", bytes, mode).build())
                .withMessageContaining(message);
    }

    @Test
    void loadsTheModulesAndWaitsForTheDisk_whenTheRootIsOnOne() throws IOException {
        byte[] image = Initramfs.rootDisk("/dev/vda")
                .file("/bin/busybox", "busybox", 0755)
                .modules(moduleTree(), "6.1", List.of("virtio_blk"))
                .build()
                .toBytes();

        assertThat(new String(image, StandardCharsets.US_ASCII))
                .contains("$b insmod /lib/modules/6.1/kernel/virtio.ko\n$b insmod"
                        + " /lib/modules/6.1/kernel/virtio_blk.ko\n")
                .contains("until [ -b /dev/vda ]; do")
                .contains("exec $b switch_root /newroot /sbin/init");
    }

    @Test
    void refuses_whenTheRootIsOnADiskButThereIsNoBusybox() {
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> Initramfs.rootDisk("/dev/vda").build())
                .withMessage("initramfs: expected a static bin/busybox, which /init needs: add it by file(...), found"
                        + " nothing there");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Initramfs.rootDisk("vda; reboot"))
                .withMessage("device 'vda; reboot': must be a path such as /dev/vda");
    }

    @Test
    void refuses_whenAModuleIsForAnotherRelease() throws IOException {
        Path tree = moduleTree();
        Files.writeString(tree.resolve("kernel/virtio.ko"), "code\0vermagic=6.1 SMP preempt\0");

        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> Initramfs.builder().modules(tree, "6.2", List.of("virtio_blk")))
                .withMessage("kernel/virtio.ko: expected a module for release 6.2, which is what uname -r prints in the"
                        + " guest, found one for release 6.1");
    }

    @Test
    void writesTheSameToAFile() throws IOException {
        Initramfs initramfs = Initramfs.builder().init("#!x").build();

        initramfs.write(folder.resolve("out"));

        assertThat(Files.readAllBytes(folder.resolve("out"))).isEqualTo(initramfs.toBytes());
    }

    @Test
    void ordersModulesByTheirNeeds_andLeavesOutWhatIsBuiltIn() throws IOException {
        Path tree = moduleTree();

        Initramfs initramfs = Initramfs.builder()
                .modules(tree, "6.1", List.of("virtio-blk", "ext4", "virtio_mmio"))
                .build();

        assertThat(initramfs.moduleLoadOrder())
                .containsExactly(
                        "/lib/modules/6.1/kernel/virtio_ring.ko",
                        "/lib/modules/6.1/kernel/virtio.ko",
                        "/lib/modules/6.1/kernel/virtio_blk.ko",
                        "/lib/modules/6.1/kernel/virtio_mmio.ko");
    }

    @Test
    void unpacksModules_whenTheyAreCompressed() throws IOException {
        byte[] image = Initramfs.builder()
                .modules(moduleTree(), "6.1", List.of("virtio_mmio"))
                .build()
                .toBytes();

        assertThat(new String(image, StandardCharsets.US_ASCII))
                .contains("mmio's code")
                .contains("ring's code");
    }

    @Test
    void refuses_whenThereIsNoSuchModule() throws IOException {
        Path tree = moduleTree();

        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> Initramfs.builder().modules(tree, "6.1", List.of("nfs")))
                .withMessage(tree + ": expected a module 'nfs', found none in modules.dep or modules.builtin");
    }

    @Test
    void refuses_whenFileIsMissing() {
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> Initramfs.builder().file("/x", folder.resolve("none"), 0644))
                .withMessageContaining("expected a file for the initramfs, found no such file");
    }

    @Test
    void refuses_whenPathLeadsOut() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Initramfs.builder().file("/a/../b", "", 0644))
                .withMessage("path '/a/../b': must have no empty part, no . and no ..");
    }

    @Test
    void refuses_whenParentIsAFile() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Initramfs.builder().file("/a", "", 0644).file("/a/b", "", 0644))
                .withMessage("/a/b: its parent /a is not a directory");
    }

    private Path moduleTree() throws IOException {
        Path tree = Files.createDirectory(folder.resolve("modules"));
        Files.createDirectory(tree.resolve("kernel"));
        Files.writeString(tree.resolve("modules.dep"), """
                kernel/virtio_ring.ko.gz:
                kernel/virtio.ko: kernel/virtio_ring.ko.gz
                kernel/virtio_blk.ko: kernel/virtio_ring.ko.gz kernel/virtio.ko
                kernel/virtio_mmio.ko.xz: kernel/virtio_ring.ko.gz kernel/virtio.ko
                """);
        Files.writeString(tree.resolve("modules.builtin"), "kernel/fs/ext4/ext4.ko\n");
        Files.writeString(tree.resolve("kernel/virtio.ko"), "virtio's code");
        Files.writeString(tree.resolve("kernel/virtio_blk.ko"), "blk's code");
        try (var out = new GZIPOutputStream(Files.newOutputStream(tree.resolve("kernel/virtio_ring.ko.gz")))) {
            out.write("ring's code".getBytes(StandardCharsets.US_ASCII));
        }
        try (var out = new XZOutputStream(
                Files.newOutputStream(tree.resolve("kernel/virtio_mmio.ko.xz")), new LZMA2Options(0))) {
            out.write("mmio's code".getBytes(StandardCharsets.US_ASCII));
        }
        return tree;
    }

    private List<String> cpio(byte[] image) throws Exception {
        assumeThat(CPIO).as("package cpio, to check the archive with").exists();
        Process process = new ProcessBuilder(
                        CPIO.toString(),
                        "-itv",
                        "--quiet",
                        "-F",
                        Guests.file(folder, image).toString())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return Arrays.asList(output.split("\n", -1));
    }
}
