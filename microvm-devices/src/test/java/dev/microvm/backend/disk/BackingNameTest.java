package dev.microvm.backend.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Backing files as headers spell them, and as programs name them. */
final class BackingNameTest {
    private static final int SIZE = 1 << 20; // bytes

    @TempDir
    private Path directory;

    private Path top;
    private Path base;

    @BeforeEach
    void makeBase() throws IOException {
        top = directory.resolve("top.qcow2");
        byte[] content = new byte[SIZE];
        Arrays.fill(content, (byte) 7);
        base = Files.write(directory.resolve("base.img"), content);
    }

    // ---- spellings

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '\'',
            delimiter = '|',
            value = {
                "base.img | /images/base.img",
                "sub/a:b.img | /images/sub/a:b.img",
                "/other/base.img | /other/base.img",
                "file:base.img | /images/base.img",
                "file:/other/base.img | /other/base.img",
                "file:a:b | /images/a:b",
                "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"base.img\"}} | /images/base.img",
                "json:{ \"driver\": \"qcow2\", \"file.filename\" : \"/a\" } | /a",
                "json:{\"file\":{\"filename\":\"file:a\",\"locking\":\"off\"},\"read-only\":true,\"x\":-1.5e3} |"
                        + " /images/a",
                "json:{\"driver\":\"file\",\"filename\":\"a:\\u0062\\\\\\\"\\/c\"} | /images/a:b\\\"/c",
                "json:{\"driver\":\"raw\",\"file\":{\"file.filename\":\"/deep\",\"driver\":\"throttle\"}} | /deep"
            })
    void findsALocalFile_inAnySpelling(String name, String file) {
        assertThat(BackingName.file(Path.of("/images/top.qcow2"), name)).contains(Path.of(file));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "nbd:localhost:10809",
                "https://example.org/base.img",
                "json:",
                "json:{",
                "json:{}",
                "json:[]",
                "json:{\"file\":{\"driver\":\"nbd\",\"filename\":\"x\"}}",
                "json:{\"driver\":\"qcow2\",\"filename\":\"x\"}",
                "json:{\"file.filename\":\"x\"",
                "json:{\"file.filename\":\"x\"} y",
                "json:{\"file.filename\":\"x}",
                "json:{\"file.filename\":\"\\u12",
                "json:{\"file.filename\":\"\\u12zz\"}",
                "json:{\"file.filename\":[\"x\"]}"
            })
    void findsNoFile_whenItIsNotALocalOne(String name) {
        assertThat(BackingName.file(Path.of("/images/top.qcow2"), name)).isEmpty();
    }

    // ---- what a program says

    private void create(String backingName) {
        QemuImg.must("create", "-q", "-u", "-f", "qcow2", "-b", backingName, "-F", "raw", top, SIZE);
    }

    @ParameterizedTest
    @QemuImg.Required
    @ValueSource(
            strings = {
                "base.img",
                "file:base.img",
                "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"base.img\"}}",
                "moved/away.img",
                "nbd:localhost:10809"
            })
    void opensTheImageThatTheProgramNames_whateverTheHeaderSays(String name) {
        create(name);
        DiskImage image = DiskImage.qcow2(top).backing(DiskImage.raw(base));

        try (BlockBackend disk = image.open()) {
            assertThat(Disk.read(disk, 0, 4096)).containsOnly(7);
            Disk.write(disk, 0, new byte[512]);
        }

        assertThat(QemuImg.run("info", "-U", top).output())
                .as("the header keeps its name")
                .contains(name);
    }

    @Test
    @QemuImg.Required
    void agreesWithQemu_aboutAnImageWithAJsonName() {
        create("json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"" + base + "\"}}");
        try (BlockBackend disk =
                DiskImage.qcow2(top).backing(DiskImage.raw(base)).open()) {
            Disk.write(disk, 4096, new byte[4096]);
        }
        Path flat = directory.resolve("flat.img");

        QemuImg.must("convert", "-f", "qcow2", "-O", "raw", top, flat);

        try (BlockBackend ours = DiskImage.qcow2(top)
                        .backing(DiskImage.raw(base))
                        .readOnly()
                        .open();
                BlockBackend qemus = DiskImage.raw(flat).readOnly().open()) {
            assertThat(Disk.read(ours, 0, SIZE)).isEqualTo(Disk.read(qemus, 0, SIZE));
        }
    }

    @Test
    @QemuImg.Required
    void readsZero_whenTheProgramSaysThatThereIsNoBackingFile() {
        create("gone.img");

        try (BlockBackend disk = DiskImage.qcow2(top).withoutBacking().open()) {
            assertThat(Disk.read(disk, 0, SIZE)).containsOnly(0);
        }
        assertThat(DiskImage.qcow2(top).withoutBacking()).hasToString(top + " (qcow2, without backing)");
    }

    @Test
    void usesTheImageThatTheProgramNames_whenTheHeaderNamesNone() throws IOException {
        new Qcow2Builder().write(top);

        try (BlockBackend disk =
                DiskImage.qcow2(top).backing(DiskImage.raw(base)).open()) {
            assertThat(Disk.read(disk, 0, 512)).containsOnly(0xda);
            assertThat(Disk.read(disk, Qcow2Builder.CLUSTER, 512)).containsOnly(7);
        }
    }

    @Test
    @QemuImg.Required
    void opensNoBackingFile_ofWhichTheProgramSaysNothing() {
        create("file:base.img");

        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> DiskImage.qcow2(top).open())
                .withMessage(
                        "disk image %s: it names a backing file, \"file:base.img\" (raw); if that is right, give %s to"
                                + " backing(), with its format; to do without it, use withoutBacking()",
                        top, base);
    }
}
