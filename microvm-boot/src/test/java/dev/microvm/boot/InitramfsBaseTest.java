package dev.microvm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.image.BzImageBuilder;
import dev.microvm.boot.image.Compression;
import dev.microvm.boot.testing.AllocatedBytes;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What {@link Initramfs} adds to a base, and what of the base it leaves alone. */
class InitramfsBaseTest {
    /** A root whose folders are not what the builder would make of them. */
    private static final byte[] BASE = Initramfs.builder()
            .directory("/usr", 0755)
            .directory("/usr/lib", 0755)
            .directory("/usr/sbin", 0750)
            .symlink("/lib", "usr/lib")
            .symlink("/sbin", "/usr/sbin")
            .directory("/tmp", 01777)
            .directory("/root", 0700)
            .file("/etc", "a file", 0644)
            .build()
            .toBytes();

    @Test
    void followsTheLinksOfTheBase_andMakesNoParentThatIsThere() {
        Initramfs.Builder builder = Initramfs.builder()
                .base(BASE)
                .exitProgram("/sbin/vm-exit")
                .file("/lib/modules/6.1/a.ko", "a", 0644)
                .file("/tmp/x", "x", 0644)
                .file("/root/.profile", "x", 0600);

        assertThat(added(builder, BASE))
                .containsExactly(
                        "root/.profile 100600",
                        "tmp/x 100644",
                        "usr/lib/modules 40755",
                        "usr/lib/modules/6.1 40755",
                        "usr/lib/modules/6.1/a.ko 100644",
                        "usr/sbin/vm-exit 100755");
    }

    @Test
    void replacesWhatTheBaseHas_whenThePathIsGiven() {
        Initramfs.Builder builder =
                Initramfs.builder().base(BASE).directory("/tmp", 0755).file("/lib", "no link any more", 0644);

        assertThat(added(builder, BASE)).containsExactly("lib 100644", "tmp 40755");
    }

    @Test
    void makesTheFolderThatALinkOfTheBaseLeadsTo_whenThatIsMissing() {
        byte[] base = Initramfs.builder().symlink("/lib", "usr/lib").build().toBytes();

        assertThat(added(Initramfs.builder().base(base).file("/lib/a", "a", 0644), base))
                .containsExactly("usr 40755", "usr/lib 40755", "usr/lib/a 100644");
    }

    @Test
    void refuses_whenLinksOfTheBaseAreACycle() {
        byte[] base = Initramfs.builder()
                .symlink("/a", "b")
                .symlink("/b", "/a")
                .build()
                .toBytes();

        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() ->
                        Initramfs.builder().base(base).file("/a/x", "x", 0644).build())
                .withMessageContaining("above /a/x, found more than 40 symbolic links")
                .withMessageContaining("a cycle?");
    }

    @Test
    void refuses_whenAParentIsAFileOfTheBase() {
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> Initramfs.builder()
                        .base(BASE)
                        .file("/etc/passwd", "x", 0644)
                        .build())
                .withMessage(
                        "initramfs: expected directories, or links to some, above /etc/passwd, found /etc, which is no directory");
    }

    @Test
    void refuses_whenAFileWouldReplaceADirectoryWithEntries() {
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() ->
                        Initramfs.builder().base(BASE).file("/usr", "x", 0644).build())
                .withMessageContaining("found a directory with entries at /usr in the base");
    }

    @ParameterizedTest
    @EnumSource
    void readsABase_whateverCompressesIt(Compression compression) {
        byte[] base = withoutSize(BzImageBuilder.compress(BASE, compression), compression);

        assertThat(added(Initramfs.builder().base(base).file("/lib/a", "a", 0644), base))
                .containsExactly("usr/lib/a 100644");
    }

    /** As distributions have it: microcode that is not compressed, padding, the rest. */
    @ParameterizedTest
    @EnumSource
    void readsAllParts_whenMicrocodeComesFirst(Compression compression) {
        byte[] microcode = Initramfs.builder()
                .file("/kernel/x86/microcode/AuthenticAMD.bin", "code", 0644)
                .build()
                .toBytes();
        ByteArrayOutputStream base = new ByteArrayOutputStream();
        base.writeBytes(microcode);
        base.writeBytes(new byte[512]);
        base.writeBytes(withoutSize(BzImageBuilder.compress(BASE, compression), compression));
        base.writeBytes(new byte[8]);

        assertThat(added(
                        Initramfs.builder()
                                .base(base.toByteArray())
                                .file("/lib/a", "a", 0644)
                                .file("/kernel/x86/b", "b", 0644),
                        base.toByteArray()))
                .containsExactly("kernel/x86/b 100644", "usr/lib/a 100644");
    }

    @Test
    void refuses_whenTheBaseIsSomethingElse() {
        refusal(
                "\u0089LZO something".getBytes(StandardCharsets.ISO_8859_1),
                "base: expected cpio archives, uncompressed or compressed by gzip, bzip2, LZMA, XZ, LZ4 or zstd, found"
                        + " something that begins with 89 4c 5a 4f 20 73");
        refusal(Arrays.copyOf(BASE, BASE.length / 2), "found one that is cut short");
    }

    /** A gzip file of 100 KB with a million names. */
    @Test
    void takesLittleHeap_whenItNeverEndsASmallBase() {
        byte[] packed = BzImageBuilder.compress(new byte[64 << 20], Compression.GZIP);

        long allocated = AllocatedBytes.by(
                () -> Initramfs.builder().base(packed).file("/a", "a", 0644).build());

        assertThat(allocated).isLessThan(4 << 20);
    }

    @Test
    void followsLinksThatWereGiven_whateverTheirOrder() {
        Initramfs.Builder builder = Initramfs.builder()
                .file("/lib/a", "a", 0644)
                .symlink("/lib", "z")
                .symlink("/z", "usr/lib");

        assertThat(added(builder, new byte[0]))
                .containsExactly("lib 120777", "usr 40755", "usr/lib 40755", "usr/lib/a 100644", "z 120777");
    }

    private static void refusal(byte[] base, String message) {
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() ->
                        Initramfs.builder().base(base).file("/a", "a", 0644).build())
                .withMessageContaining(message);
    }

    /** What {@link BzImageBuilder} appends is for kernels. */
    private static byte[] withoutSize(byte[] packed, Compression compression) {
        return compression == Compression.GZIP ? packed : Arrays.copyOf(packed, packed.length - Integer.BYTES);
    }

    /** The entries behind the base, with their modes. */
    private static List<String> added(Initramfs.Builder builder, byte[] base) {
        byte[] image = builder.build().toBytes();
        List<String> entries = new ArrayList<>();
        int at = (base.length + 3) & -4;
        while (true) {
            String header = new String(image, at, 110, StandardCharsets.US_ASCII);
            int mode = Integer.parseInt(header, 14, 22, 16);
            int size = Integer.parseInt(header, 54, 62, 16);
            int nameSize = Integer.parseInt(header, 94, 102, 16);
            String name = new String(image, at + 110, nameSize - 1, StandardCharsets.UTF_8);
            if (name.equals("TRAILER!!!")) return entries;
            entries.add("%s %o".formatted(name, mode));
            at = ((at + 110 + nameSize + 3) & -4) + ((size + 3) & -4);
        }
    }
}
