package dev.microvm.sandbox.root;

import static dev.microvm.boot.testing.HostProgram.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Directories and archives become images that the reference tools find intact and equal. */
final class RootTest {
    @TempDir
    private Path folder;

    private Path tree;

    @BeforeEach
    void makeTree() throws IOException {
        ErofsTools.need();
        tree = Files.createDirectories(folder.resolve("tree"));
        Files.createDirectories(tree.resolve("etc/deep/er"));
        Files.writeString(tree.resolve("etc/hostname"), "guest\n");
        Files.write(tree.resolve("etc/large"), new byte[1_300_000]);
        Files.writeString(tree.resolve("etc/Főtanúsítvány"), "a name beyond ASCII");
        Files.createFile(tree.resolve("etc/empty"));
        Files.createSymbolicLink(tree.resolve("etc/link"), Path.of("../etc/hostname"));
        Files.createSymbolicLink(tree.resolve("etc/long"), Path.of("x".repeat(4000)));
        Files.createLink(tree.resolve("etc/deep/er/second"), tree.resolve("etc/hostname"));
        Files.createDirectories(tree.resolve("many"));
        for (int i = 0; i < 700; i++) {
            Files.writeString(tree.resolve("many/" + "file-with-some-name-".repeat(1 + i % 9) + i), "content " + i);
        }
        Files.setLastModifiedTime(
                tree.resolve("etc/hostname"), FileTime.from(Instant.parse("1969-12-31T23:59:58.123456789Z")));
        run("mkfifo", tree.resolve("etc/fifo"));
        run("chmod", "6751", tree.resolve("etc/empty"));
        run("chmod", "1777", tree.resolve("many"));
    }

    @Test
    void copiesDirectory() throws IOException {
        try (PreparedRoot root = prepare(Root.directory(tree))) {
            ErofsTools.assertSame(root.disk().path(), tree, folder);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"--format=gnu", "--format=posix", "-z", "-J", "-j", "--zstd"})
    void unpacksArchive(String option) throws IOException {
        Path archive = folder.resolve("root.tar");
        run("tar", "-C", tree, option, "-cf", archive, ".");

        try (PreparedRoot root = prepare(Root.tar(archive))) {
            ErofsTools.assertSame(root.disk().path(), tree, folder);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"})
    void unpacksFilesWithHoles(String option) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(tree.resolve("holes").toFile(), "rw")) {
            file.setLength(3_000_001);
            for (int i = 0; i < 30; i++) { // more than a header has room for
                file.seek(i * 90_000L);
                file.writeBytes("piece " + i);
            }
        }
        run("truncate", "-s", "1M", tree.resolve("hole"));
        Path archive = folder.resolve("root.tar");
        run("tar", "-C", tree, option, "--sparse", "-cf", archive, ".");

        assertThat(Files.size(archive)).isLessThan(4_000_000);
        try (PreparedRoot root = prepare(Root.tar(archive))) {
            ErofsTools.assertSame(root.disk().path(), tree, folder);
        }
    }

    @Test
    void keepsExtendedAttributes() throws IOException {
        Files.setAttribute(tree.resolve("etc/Főtanúsítvány"), "user:note", "kept".getBytes(StandardCharsets.UTF_8));

        try (PreparedRoot root = prepare(Root.directory(tree))) {
            assertThat(run(
                            "dump.erofs",
                            "--path=/etc/Főtanúsítvány",
                            root.disk().path()))
                    .contains("Xattr size: 24");
        }
    }

    @Test
    void findsRootInCache_untilItChanges() throws IOException {
        try (PreparedRoot first = prepare(Root.directory(tree));
                PreparedRoot second = prepare(Root.directory(tree))) {
            assertThat(first.fromCache()).isFalse();
            assertThat(second.fromCache()).isTrue();
        }
        Files.writeString(tree.resolve("etc/hostname"), "other\n");

        try (PreparedRoot third = prepare(Root.directory(tree))) {
            assertThat(third.fromCache()).isFalse();
        }
    }

    @Test
    void refusesMoreThanTheLimits() {
        assertThatExceptionOfType(RootException.class)
                .isThrownBy(() -> prepare(Root.directory(tree).limits(new RootLimits(1_000_000, 10_000))))
                .withMessageContaining("Root.limits");
        assertThatExceptionOfType(RootException.class)
                .isThrownBy(() -> prepare(Root.directory(tree).limits(new RootLimits(10_000_000, 100))))
                .withMessageContaining("more than 100 files");
    }

    @Test
    void namesRootAndRemedy_whenThereIsNothing() {
        assertThatExceptionOfType(RootException.class)
                .isThrownBy(() -> prepare(Root.directory(folder.resolve("missing"))))
                .withMessageContaining("Root.directory(" + folder.resolve("missing"))
                .satisfies(e -> assertThat(e.remedy()).isNotEmpty());
        assertThatExceptionOfType(RootException.class)
                .isThrownBy(() -> prepare(Root.tar(folder.resolve("missing.tar"))))
                .withMessageContaining("no file");
    }

    private PreparedRoot prepare(Root root) {
        return root.cache(RootCache.at(folder.resolve("cache"))).prepare();
    }
}
