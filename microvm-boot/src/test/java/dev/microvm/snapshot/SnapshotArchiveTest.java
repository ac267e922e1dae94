package dev.microvm.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.model.SnapshotException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots in one file, to be moved. */
final class SnapshotArchiveTest {
    @TempDir
    private Path folder;

    private final RamSample ram = new RamSample();

    private SnapshotFolder whole() {
        byte[] random = new byte[100_000];
        new Random(7).nextBytes(random);
        ram.write(3 << 20, random);
        return ram.whole(folder.resolve("whole"));
    }

    private Path packed() {
        Path file = folder.resolve("packed");
        whole().pack(file);
        return file;
    }

    private void assertRefused(Path file, String message) {
        Path target = folder.resolve("unpacked");
        assertThatExceptionOfType(SnapshotException.class)
                .isThrownBy(() -> SnapshotFolder.unpack(file, target))
                .withMessageContaining(message)
                .withMessageContaining(file.toString());
        assertThat(target).doesNotExist();
    }

    @Test
    void isTheSameSnapshotAgain_andSmall() throws IOException {
        SnapshotFolder whole = whole();
        Path file = folder.resolve("packed");
        whole.pack(file);
        SnapshotFolder unpacked = SnapshotFolder.unpack(file, folder.resolve("unpacked"));

        assertThat(file).isRegularFile();
        assertThat(Files.size(file)).isLessThan(200_000);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        unpacked.verify();
        assertThat(unpacked.identity()).isEqualTo(whole.identity());
        for (String name : new String[] {"manifest", "memory"}) {
            assertThat(unpacked.path().resolve(name))
                    .hasSameBinaryContentAs(whole.path().resolve(name));
        }
        assertThat(SnapshotFolder.open(unpacked.path()).state()).isEqualTo(whole.state());
        try (Stream<Path> all = Files.list(folder)) {
            assertThat(all).hasSize(3); // nothing unfinished
        }
    }

    @Test
    void isWhole_whenTheSnapshotHasABase() throws IOException {
        SnapshotFolder whole = whole();
        ram.write(9, 9);
        BitSet written = new BitSet();
        written.set(9);
        SnapshotFolder diff = ram.diff(whole, written, folder.resolve("diff"));
        diff.pack(folder.resolve("packed"));
        SnapshotFolder unpacked = SnapshotFolder.unpack(folder.resolve("packed"), folder.resolve("unpacked"));

        assertThat(unpacked.base()).isNull();
        assertThat(unpacked.path().resolve("memory")).hasBinaryContent(ram.bytes());
    }

    @Test
    void replacesNothing() throws IOException {
        SnapshotFolder whole = whole();
        Path there = Files.writeString(folder.resolve("there"), "mine");
        assertThatExceptionOfType(SnapshotException.class)
                .isThrownBy(() -> whole.pack(there))
                .withMessageContaining("exists: give another name");
        assertThat(there).hasContent("mine");
    }

    @Test
    void isRefused_whenAPartIsMissing_orAnother_orNoArchive() throws IOException {
        Path file = packed();
        assertRefused(Files.write(folder.resolve("text"), new byte[] {1, 2, 3}), "cannot be unpacked");
        assertRefused(folder.resolve("nothing"), "cannot be unpacked");
        assertRefused(with(file, "manifest", null), "manifest is missing");
        assertRefused(with(file, "memory/3", null), "memory/3 is missing");
        assertRefused(with(file, "memory/3", new byte[1 << 19]), "memory/3 has another size");
        assertRefused(with(file, "memory/3", new byte[(1 << 20) + 1]), "memory/3 has another size");
        assertRefused(with(file, "memory/3", new byte[1 << 20]), "is damaged between bytes 0x300000 and 0x400000");
        assertRefused(with(file, "manifest", new byte[100]), "is no manifest of a snapshot");
    }

    /** Returns a copy of an archive in which one entry has other content, or is missing. */
    private Path with(Path file, String name, byte @Nullable [] content) throws IOException {
        Map<String, byte[]> entries = new LinkedHashMap<>();
        try (ZipFile zip = new ZipFile(file.toFile())) {
            for (ZipEntry each : zip.stream().toList()) {
                entries.put(each.getName(), zip.getInputStream(each).readAllBytes());
            }
        }
        if (content == null) entries.remove(name);
        else entries.put(name, content);
        Path changed = folder.resolve("changed");
        try (OutputStream to = Files.newOutputStream(changed);
                ZipOutputStream zip = new ZipOutputStream(to)) {
            for (Map.Entry<String, byte[]> each : entries.entrySet()) {
                zip.putNextEntry(new ZipEntry(each.getKey()));
                zip.write(each.getValue());
            }
        }
        return changed;
    }

    @Test
    void isRefused_whenBytesAreDamaged_orItIsCutShort() throws IOException {
        byte[] intact = Files.readAllBytes(packed());
        Random random = new Random(Long.getLong("microvm.seed", 1));
        int refused = 0;
        for (int i = 0; i < 60; i++) {
            byte[] damaged = intact.clone();
            damaged[random.nextInt(intact.length)] ^= (byte) (1 + random.nextInt(255));
            if (i % 6 == 5) damaged = Arrays.copyOf(intact, random.nextInt(intact.length));
            Path file = Files.write(folder.resolve("bad"), damaged);
            Path target = folder.resolve("unpacked" + i);
            try {
                SnapshotFolder.unpack(file, target).verify(); // some bytes mean nothing
            } catch (SnapshotException e) {
                refused++;
                assertThat(target).doesNotExist();
            }
        }
        assertThat(refused).isGreaterThan(40);
    }
}
