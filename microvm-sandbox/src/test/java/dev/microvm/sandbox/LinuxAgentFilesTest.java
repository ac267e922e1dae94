package dev.microvm.sandbox;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardWatchEventKinds.ENTRY_CREATE;
import static java.nio.file.StandardWatchEventKinds.ENTRY_DELETE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.MicroVm;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Files, ports and settings of Debian's kernel with the agent as init. */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(600)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxAgentFilesTest {
    private static final int FILES = Integer.getInteger("microvm.treeFiles", 500);

    @SuppressWarnings("NullAway.Init") // set by start
    private MicroVm vm;

    @SuppressWarnings("NullAway.Init")
    private Agent agent;

    @BeforeAll
    void start(@TempDir Path folder) {
        vm = AgentGuest.machine(folder).start();
        agent = Agent.connect(vm, Duration.ofMinutes(2));
    }

    @AfterAll
    void end() {
        vm.close();
    }

    @Test
    void isAFileSystem(@TempDir Path host) throws IOException {
        Path folder = agent.files().getPath("/tmp/files");
        Path file = folder.resolve("a");
        Files.createDirectories(folder.resolve("b/c"));
        Files.writeString(file, "hello\n");
        Files.writeString(file, "more\n", StandardOpenOption.APPEND);

        assertThat(agent.exec("cat", "/tmp/files/a").stdout()).isEqualTo("hello\nmore\n");
        assertThat(Files.readAllLines(file)).containsExactly("hello", "more");
        assertThat(Files.size(file)).isEqualTo(11);
        try (var walk = Files.walk(folder)) {
            assertThat(walk.map(Path::toString))
                    .containsExactlyInAnyOrder("/tmp/files", "/tmp/files/a", "/tmp/files/b", "/tmp/files/b/c");
        }
        Files.createSymbolicLink(folder.resolve("link"), Path.of("a"));
        assertThat(Files.readString(folder.resolve("link"))).startsWith("hello");
        assertThat(Files.isSymbolicLink(folder.resolve("link"))).isTrue();
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
        assertThat(agent.exec("stat", "-c", "%a %s", "/tmp/files/a").stdout()).isEqualTo("640 11\n");
        Files.move(file, folder.resolve("d"), StandardCopyOption.ATOMIC_MOVE);
        Path copy = Files.copy(folder.resolve("d"), host.resolve("copy"));
        assertThat(copy).hasContent("hello\nmore\n");

        assertThatExceptionOfType(NoSuchFileException.class).isThrownBy(() -> Files.readString(file));
        assertThatExceptionOfType(DirectoryNotEmptyException.class).isThrownBy(() -> Files.delete(folder.resolve("b")));
        assertThatExceptionOfType(FileAlreadyExistsException.class)
                .isThrownBy(() -> Files.createDirectory(folder.resolve("b")));
        agent.removeTree("/tmp/files");
        assertThat(Files.exists(folder)).isFalse();
    }

    @Test
    void watchesAFolder() throws Exception {
        Path folder = Files.createDirectories(agent.files().getPath("/tmp/watched"));
        try (WatchService watcher = agent.files().newWatchService()) {
            WatchKey key = folder.register(watcher, ENTRY_CREATE, ENTRY_DELETE);

            agent.exec(Command.shell("cd /tmp/watched; touch a; mv a b; echo x >> b; rm b"));
            Set<String> seen = new HashSet<>();
            while (seen.size() < 4) {
                WatchKey signalled = watcher.poll(1, TimeUnit.MINUTES);
                assertThat(signalled).isSameAs(key);
                for (WatchEvent<?> each : key.pollEvents()) seen.add(each.kind().name() + " " + each.context());
                key.reset();
            }

            assertThat(seen)
                    .containsExactlyInAnyOrder("ENTRY_CREATE a", "ENTRY_DELETE a", "ENTRY_CREATE b", "ENTRY_DELETE b");
            Files.delete(folder);
            assertThat(watcher.poll(1, TimeUnit.MINUTES)).isSameAs(key);
            assertThat(key.isValid()).isFalse();
            assertThatExceptionOfType(NoSuchFileException.class)
                    .isThrownBy(() -> folder.register(watcher, ENTRY_CREATE));
        }
    }

    @Test
    void copiesTreesInAndOut_unchanged(@TempDir Path host) throws IOException {
        Path tree = makeTree(host.resolve("tree"));
        Path back = host.resolve("back");

        agent.copyIn(tree, "/root/new/tree");
        agent.copyOut("/root/new/tree", back);

        assertThat(describe(back).equals(describe(tree))).as("the same files").isTrue();
        assertThat(agent.exec(Command.shell("find /root/new/tree -type f | wc -l"))
                        .stdout()
                        .strip())
                .isEqualTo(Integer.toString(FILES));
        agent.removeTree("/root/new");
    }

    @Test
    void leavesHolesWhereThereAreZeros(@TempDir Path host) throws Exception {
        byte[] content = new byte[3 << 20];
        content[1 << 20] = 1;
        content[(2 << 20) + 5] = 2;
        Path file = Files.write(host.resolve("file"), content);

        agent.copyIn(file, "/tmp/sparse");
        agent.copyOut("/tmp/sparse", host.resolve("back"));

        Path back = host.resolve("back/file");
        assertThat(Files.readAllBytes(back)).isEqualTo(content);
        String guestBlocks = agent.exec("stat", "-c", "%b", "/tmp/sparse/file").stdout();
        assertThat(Integer.parseInt(guestBlocks.strip())).isBetween(1, 128); // of 512 bytes
        Process stat = new ProcessBuilder("stat", "-c", "%b", back.toString()).start();
        assertThat(Integer.parseInt(new String(stat.getInputStream().readAllBytes(), UTF_8).strip()))
                .isBetween(1, 128);
    }

    private static Path makeTree(Path tree) throws IOException {
        Random random = new Random(1);
        for (int i = 0; i < FILES; i++) {
            Path folder =
                    Files.createDirectories(tree.resolve("folder-" + i % 37).resolve("x".repeat(i % 5 * 40 + 1)));
            byte[] content = new byte[random.nextInt(3000)];
            random.nextBytes(content);
            Path file = Files.write(folder.resolve("file " + i + " é"), content);
            if (i % 3 == 0) Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-x---"));
        }
        Files.createSymbolicLink(tree.resolve("link"), Path.of("../nowhere"));
        return tree;
    }

    private static Map<String, String> describe(Path tree) throws IOException {
        Map<String, String> all = new TreeMap<>();
        Files.walkFileTree(tree, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                String name = tree.relativize(file).toString();
                all.put(
                        name,
                        attributes.isSymbolicLink()
                                ? Files.readSymbolicLink(file).toString()
                                : "%s %d %d"
                                        .formatted(
                                                PosixFilePermissions.toString(Files.getPosixFilePermissions(file)),
                                                attributes.lastModifiedTime().to(TimeUnit.SECONDS),
                                                Arrays.hashCode(Files.readAllBytes(file))));
                return FileVisitResult.CONTINUE;
            }
        });
        return all;
    }

    @Test
    void saysThatADiskIsFull(@TempDir Path host) throws IOException {
        agent.exec(Command.shell("mkdir /tmp/small; mount -t tmpfs -o size=1m small /tmp/small"));
        byte[] content = new byte[2 << 20];
        Arrays.fill(content, (byte) 1);
        Path big = Files.write(host.resolve("big"), content);

        assertThatExceptionOfType(SandboxException.class)
                .isThrownBy(() -> agent.copyIn(big, "/tmp/small"))
                .withMessageContaining("No space left on device");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> Files.copy(big, agent.files().getPath("/tmp/small/big")))
                .withMessageContaining("No space left on device");
    }

    @Test
    void forwardsPorts_withoutANetwork() throws Exception {
        GuestProcess server = agent.start("nc", "-ll", "-p", "8080", "-e", "/bin/cat");
        WaitFor.port(8080).await(agent, Duration.ofMinutes(1));
        try (PortForward forward = agent.forward(8080);
                Socket socket = new Socket(forward.address().getAddress(), forward.port())) {
            byte[] sent = "x".repeat(300_000).getBytes(UTF_8);
            Thread writer = Thread.ofVirtual().start(() -> {
                try {
                    socket.getOutputStream().write(sent);
                    socket.shutdownOutput();
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            });
            assertThat(socket.getInputStream().readAllBytes()).isEqualTo(sent);
            writer.join();
        }
        server.killTree();
    }

    @Test
    void setsNameAndTime_andGivesFigures() {
        agent.hostname("guest-7");
        agent.time(Instant.parse("2031-05-06T07:08:09Z"));

        assertThat(agent.exec("hostname").stdout()).isEqualTo("guest-7\n");
        assertThat(agent.exec("date", "-u", "+%Y-%m-%d").stdout()).isEqualTo("2031-05-06\n");
        GuestFigures figures = agent.figures();
        assertThat(figures.totalMemory()).isBetween(100L << 20, 256L << 20);
        assertThat(figures.availableMemory()).isPositive().isLessThan(figures.totalMemory());
        assertThat(figures.processes()).isPositive();
        assertThat(figures.cpuBusy()).isPositive();
    }
}
