package dev.microvm.devices.virtio.fs;

import static dev.microvm.backend.fs.host.HostTree.ROOT;
import static dev.microvm.devices.virtio.fs.FuseClient.arguments;
import static dev.microvm.devices.virtio.fs.FuseClient.named;
import static dev.microvm.devices.virtio.fs.FuseProtocol.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.backend.fs.SharedDirectory;
import dev.microvm.error.MicroVmException;
import dev.microvm.linux.Errno;
import dev.microvm.linux.FileStat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A shared directory and a client that wants out of it, or more than there is. */
@EnabledOnOs(OS.LINUX)
@Timeout(60)
final class VirtioFsTest {
    private static final int READ_ONLY = 0;
    private static final int READ_WRITE = 2;

    @TempDir
    private Path folder;

    private Path shared;
    private FuseClient client;

    @BeforeEach
    void share() throws IOException {
        shared = Files.createDirectory(folder.resolve("shared"));
        Files.writeString(folder.resolve("secret"), "of the host");
        client = new FuseClient(SharedDirectory.of(shared)).mount();
    }

    @AfterEach
    void close() throws IOException {
        client.close();
        assertThat(folder.resolve("secret")).hasContent("of the host");
        try (var all = Files.list(folder)) {
            assertThat(all).extracting(each -> each.getFileName().toString()).doesNotContain("escaped");
        }
    }

    // ---- escapes

    @ParameterizedTest
    @ValueSource(strings = {"..", ".", "", "/", "../secret", "a/b", "/etc", "./secret", "x/"})
    void refusesNamesThatLeadElsewhere(String name) {
        assertThat(client.lookup(ROOT, name).error()).isEqualTo(Errno.EINVAL);
        assertThat(client.create(ROOT, name, 0644).error()).isEqualTo(Errno.EINVAL);
        assertThat(client.makeDirectory(ROOT, name).error()).isEqualTo(Errno.EINVAL);
        assertThat(client.makeNode(ROOT, name, FileStat.S_IFREG).error()).isEqualTo(Errno.EINVAL);
        assertThat(client.call(SYMLINK, ROOT, name, "target").error()).isEqualTo(Errno.EINVAL);
        assertThat(client.call(UNLINK, ROOT, name).error()).isEqualTo(Errno.EINVAL);
        assertThat(client.call(RMDIR, ROOT, name).error()).isEqualTo(Errno.EINVAL);
        client.create(ROOT, "file", 0644);
        assertThat(client.rename(ROOT, "file", ROOT, name).error()).isEqualTo(Errno.EINVAL);
        assertThat(client.rename(ROOT, name, ROOT, "escaped").error()).isEqualTo(Errno.EINVAL);
    }

    @Test
    void followsNoLink() throws IOException {
        Files.createSymbolicLink(shared.resolve("file"), folder.resolve("secret"));
        Files.createSymbolicLink(shared.resolve("directory"), folder);
        FuseClient.Answer file = client.lookup(ROOT, "file");
        FuseClient.Answer directory = client.lookup(ROOT, "directory");

        assertThat(file.mode() & FileStat.S_IFMT).isEqualTo(FileStat.S_IFLNK);
        assertThat(client.open(file.node(), READ_ONLY).error()).isEqualTo(Errno.EACCES);
        assertThat(client.create(ROOT, "file", 0644).error()).isEqualTo(Errno.EACCES);
        assertThat(client.lookup(directory.node(), "secret").error()).isEqualTo(Errno.ENOTDIR);
        assertThat(client.makeDirectory(directory.node(), "escaped").error()).isEqualTo(Errno.ENOTDIR);
        assertThat(client.call(OPENDIR, directory.node(), arguments(OPEN_IN)).error())
                .isEqualTo(Errno.ENOTDIR);
        assertThat(client.rename(ROOT, "file", directory.node(), "escaped").error())
                .isEqualTo(Errno.ENOTDIR);
        ByteBuffer cut = arguments(SETATTR_IN).putInt(SETATTR_VALID, FATTR_SIZE | FATTR_MODE);
        assertThat(client.call(SETATTR, file.node(), cut).error()).isEqualTo(Errno.EOPNOTSUPP);
    }

    @Test
    void noticesThatADirectoryBecameALink() throws IOException {
        Files.createDirectory(shared.resolve("directory"));
        long directory = client.lookup(ROOT, "directory").node();
        Files.delete(shared.resolve("directory"));
        Files.createSymbolicLink(shared.resolve("directory"), folder);

        assertThat(client.lookup(directory, "secret").error()).isEqualTo(Errno.ESTALE);
        assertThat(client.makeDirectory(directory, "escaped").error()).isEqualTo(Errno.ESTALE);
    }

    @Test
    void noticesThatAFileBecameAnother() throws IOException {
        Files.writeString(shared.resolve("file"), "one");
        long file = client.lookup(ROOT, "file").node();
        Files.writeString(shared.resolve("new"), "another");
        Files.delete(shared.resolve("file"));
        Files.move(shared.resolve("new"), shared.resolve("file"));

        assertThat(client.open(file, READ_ONLY).error()).isEqualTo(Errno.ESTALE);
        assertThat(client.open(client.lookup(ROOT, "file").node(), READ_ONLY).error())
                .isZero();
    }

    /** Linux looks a file up once more after ESTALE, and then reports the error. */
    @Test
    void opensTheFileThatWasLookedUpAfterEstale_thoughItIsReplacedAgain() throws IOException {
        Files.writeString(shared.resolve("file"), "one");
        long file = client.lookup(ROOT, "file").node();
        replace("two");
        assertThat(client.open(file, READ_ONLY).error()).isEqualTo(Errno.ESTALE);

        long second = client.lookup(ROOT, "file").node();
        replace("three");

        assertThat(client.open(second, READ_ONLY).error()).isZero();
    }

    private void replace(String content) throws IOException {
        Files.writeString(shared.resolve("new"), content);
        Files.move(shared.resolve("new"), shared.resolve("file"), StandardCopyOption.REPLACE_EXISTING);
    }

    @Test
    void opensNeitherFifosNorDevices() {
        long fifo = client.makeNode(ROOT, "fifo", FileStat.S_IFIFO | 0644).node();

        assertThat(client.open(fifo, READ_ONLY).error()).isEqualTo(Errno.EACCES);
        assertThat(client.open(fifo, READ_WRITE).error()).isEqualTo(Errno.EACCES);
        int characterDevice = 0x2000;
        assertThat(client.makeNode(ROOT, "device", characterDevice | 0666).error())
                .isEqualTo(Errno.EPERM);
        assertThat(shared.resolve("device")).doesNotExist();
    }

    @Test
    void dropsSetUserIdBits() throws IOException {
        FuseClient.Answer made = client.create(ROOT, "program", 06755);
        ByteBuffer mode =
                arguments(SETATTR_IN).putInt(SETATTR_VALID, FATTR_MODE).putInt(SETATTR_MODE, 06711);

        assertThat(made.mode() & 07777).isEqualTo(0755);
        assertThat(client.call(SETATTR, made.node(), mode).error()).isZero();
        assertThat(Files.getAttribute(shared.resolve("program"), "unix:mode")).isEqualTo(0100711);
    }

    @Test
    void refusesEveryChangeOfAReadOnlyShare() throws IOException {
        Files.createDirectory(shared.resolve("directory"));
        Files.writeString(shared.resolve("file"), "content");
        try (FuseClient reader = new FuseClient(SharedDirectory.of(shared).readOnly()).mount()) {
            long file = reader.lookup(ROOT, "file").node();
            ByteBuffer all = arguments(SETATTR_IN);
            assertThat(List.of(
                            reader.open(file, READ_WRITE),
                            reader.open(file, READ_ONLY | 0x200), // O_TRUNC
                            reader.create(ROOT, "new", 0644),
                            reader.makeDirectory(ROOT, "new"),
                            reader.makeNode(ROOT, "new", FileStat.S_IFIFO),
                            reader.call(SYMLINK, ROOT, "new", "target"),
                            reader.call(LINK, ROOT, named(arguments(LINK_IN).putLong(LINK_NODE, file), "new")),
                            reader.call(UNLINK, ROOT, "file"),
                            reader.call(RMDIR, ROOT, "directory"),
                            reader.rename(ROOT, "file", ROOT, "new"),
                            reader.call(SETATTR, file, all.putInt(SETATTR_VALID, FATTR_MODE)),
                            reader.call(SETATTR, file, all.putInt(SETATTR_VALID, FATTR_UID)),
                            reader.call(SETATTR, file, all.putInt(SETATTR_VALID, FATTR_SIZE)),
                            reader.call(SETATTR, file, all.putInt(SETATTR_VALID, FATTR_MTIME))))
                    .extracting(FuseClient.Answer::error)
                    .containsOnly(Errno.EROFS);
            long handle = reader.open(file, READ_ONLY).handle();
            assertThat(reader.call(WRITE, file, write(handle, "no")).error()).isEqualTo(Errno.EBADF);
        }
        assertThat(shared.resolve("file")).hasContent("content");
    }

    private static ByteBuffer write(long handle, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return arguments(IO_IN + bytes.length)
                .putLong(IO_HANDLE, handle)
                .putInt(IO_SIZE, bytes.length)
                .put(IO_IN, bytes);
    }

    // ---- limits

    @Test
    void reachesAllWithFewDescriptors() {
        try (FuseClient poor = new FuseClient(SharedDirectory.of(shared), 4).mount()) {
            long node = ROOT;
            for (int depth = 0; depth < 20; depth++)
                node = poor.makeDirectory(node, "d" + depth).node();
            long bottom = node;
            for (int i = 0; i < 3; i++)
                assertThat(poor.makeDirectory(bottom, "e" + i).error()).isZero();
            assertThat(poor.tree().descriptors()).isLessThanOrEqualTo(4);
            assertThat(poor.tree().known()).isEqualTo(24);
        }
    }

    @Test
    void givesNoMoreHandlesThanTheBudgetHas() {
        try (FuseClient poor = new FuseClient(SharedDirectory.of(shared), 4).mount()) {
            for (int i = 0; i < 4; i++)
                assertThat(poor.create(ROOT, "f" + i, 0644).error()).isZero();

            FuseClient.Answer refused = poor.create(ROOT, "f4", 0644);
            assertThat(refused.error()).isEqualTo(Errno.ENFILE);
            assertThat(poor.call(RELEASE, ROOT, arguments(RELEASE_IN)).error()).isZero();
            assertThat(poor.create(ROOT, "f4", 0644).error()).isZero();
        }
    }

    @Test
    void forgetsWhatTheGuestForgets() {
        long directory = client.makeDirectory(ROOT, "directory").node();
        long file = client.makeNode(directory, "file", FileStat.S_IFREG | 0644).node();
        assertThat(client.tree().known()).isEqualTo(3);

        client.call(FORGET, directory, arguments(FORGET_IN).putLong(0, 1));
        assertThat(client.tree().known()).isEqualTo(3); // the file is found by way of it
        client.call(FORGET, file, arguments(FORGET_IN).putLong(0, -1));

        assertThat(client.tree().known()).isEqualTo(1);
        assertThat(client.tree().descriptors()).isZero();
        assertThat(client.lookup(directory, "file").error()).isEqualTo(Errno.ESTALE);
    }

    @Test
    void aResetClosesAll() {
        client.create(ROOT, "file", 0644);
        assertThat(client.tree().descriptors()).isPositive();

        client.driver.start();

        assertThat(client.tree().descriptors()).isZero();
        assertThat(client.lookup(ROOT, "file").error()).isEqualTo(Errno.EIO);
        assertThat(client.mount().lookup(ROOT, "file").error()).isZero();
    }

    // ---- what makes no sense

    @Test
    void answersNothingBeforeInit() {
        try (FuseClient early = new FuseClient(SharedDirectory.of(shared))) {
            assertThat(early.lookup(ROOT, "file").error()).isEqualTo(Errno.EIO);
            ByteBuffer old = arguments(INIT_OUT).putInt(INIT_MAJOR, MAJOR).putInt(INIT_MINOR, 12);
            assertThat(early.call(INIT, 0, old).error()).isEqualTo(Errno.EPROTO);
        }
    }

    @Test
    void refusesRequestsThatAreCutOff() {
        for (int opcode = 0; opcode < 60; opcode++) {
            if (opcode == FORGET || opcode == BATCH_FORGET || opcode == INTERRUPT || opcode == DESTROY) continue;
            if (opcode != STATFS)
                assertThat(client.call(opcode, ROOT, arguments(0)).error()).isNotZero();
            assertThat(client.call(opcode, ROOT, arguments(100), 99, 1 << 12).error())
                    .isEqualTo(Errno.EINVAL);
        }
        ByteBuffer tooMuch = arguments(IO_IN).putInt(IO_SIZE, -1);
        assertThat(client.call(READ, ROOT, tooMuch).error()).isEqualTo(Errno.EINVAL);
        assertThat(client.call(LOOKUP, ROOT, ByteBuffer.allocate(3).put(0, new byte[] {'a', 'b', 'c'}))
                        .error())
                .isEqualTo(Errno.EINVAL);
        assertThat(client.driver.needsReset()).isFalse();
    }

    @Test
    void needsAReset_whenThereIsNoHeader() {
        client.driver.queue(1).add(client.driver.readable(new byte[IN_HEADER - 1]), client.driver.writable(100));
        client.driver.notify(1);

        assertThat(client.driver.needsReset()).isTrue();
    }

    @Test
    void refusesNumbersAndHandlesThatWereNotGiven() {
        for (long wrong : new long[] {0, -1, 2, 1L << 32 | 1, Long.MIN_VALUE}) {
            assertThat(client.lookup(wrong, "file").error()).isEqualTo(Errno.ESTALE);
            assertThat(client.open(wrong, READ_ONLY).error()).isEqualTo(Errno.ESTALE);
            ByteBuffer handle = arguments(IO_IN).putLong(IO_HANDLE, wrong).putInt(IO_SIZE, 1);
            for (int opcode : new int[] {READ, READDIR, READDIRPLUS, RELEASE, FSYNC, FALLOCATE, LSEEK}) {
                assertThat(client.call(opcode, ROOT, handle).error()).isEqualTo(Errno.EBADF);
            }
        }
    }

    // ---- the machine

    @Test
    void cannotBeSaved_whileTheGuestHasItMounted() {
        assertThatExceptionOfType(MicroVmException.class)
                .isThrownBy(client.device()::save)
                .withMessageContaining("umount");
        client.call(DESTROY, 0, arguments(0));

        client.device().restore(client.device().save());
    }

    @Test
    void saysItsTag() {
        assertThat(client.driver.config(0, 4)).isEqualTo('t' | 'a' << 8 | 'g' << 16);
        assertThat(client.driver.config(VirtioFs.MOST_TAG, 4)).isEqualTo(1);
    }

    @Test
    void readsAndWritesContent() throws IOException {
        Path file = shared.resolve("file");
        Files.writeString(file, "0123456789");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
        FuseClient.Answer found = client.lookup(ROOT, "file");
        long handle = client.open(found.node(), READ_WRITE).handle();

        assertThat(found.mode()).isEqualTo(FileStat.S_IFREG | 0640);
        ByteBuffer read = arguments(IO_IN)
                .putLong(IO_HANDLE, handle)
                .putLong(IO_OFFSET, 7)
                .putInt(IO_SIZE, 100);
        ByteBuffer content = client.call(READ, found.node(), read).content();
        assertThat(StandardCharsets.UTF_8.decode(content).toString()).isEqualTo("789");
        assertThat(client.call(WRITE, found.node(), write(handle, "ab"))
                        .content()
                        .getInt(0))
                .isEqualTo(2);
        ByteBuffer append = write(handle, "END").putInt(IO_OPEN_FLAGS, O_APPEND);
        assertThat(client.call(WRITE, found.node(), append).error()).isZero();
        assertThat(file).hasContent("ab23456789END");
    }
}
