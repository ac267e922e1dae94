package dev.microvm.devices.virtio.vsock;

import static dev.microvm.devices.virtio.vsock.VsockProtocol.*;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.devices.virtio.vsock.GuestSockets.Packet;
import dev.microvm.error.MicroVmException;
import dev.microvm.limits.Budget;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class VsockUnixSocketsTest {
    private static final int GUEST_PORT = 5000;
    private static final int HOST_PORT = 7000;

    private final GuestSockets guest = new GuestSockets().start(32);

    @TempDir
    private Path folder;

    @SuppressWarnings("NullAway.Init") // set by open
    private Path path;

    @SuppressWarnings("NullAway.Init")
    private VsockUnixSockets sockets;

    @BeforeEach
    void open() {
        path = folder.resolve("v.sock");
        sockets = open(path, VirtioVsockOptions.DEFAULT_CONNECT_TIMEOUT, new Budget("descriptors", 1024));
    }

    private VsockUnixSockets open(Path at, Duration connectTimeout, Budget descriptors) {
        VsockUnixSockets opened = new VsockUnixSockets(guest.host(), at, connectTimeout, "test", descriptors);
        opened.open();
        return opened;
    }

    @AfterEach
    void close() {
        sockets.close();
        guest.host().close();
    }

    private SocketChannel client(String text) throws IOException {
        SocketChannel client = SocketChannel.open(UnixDomainSocketAddress.of(path));
        write(client, text);
        return client;
    }

    private ServerSocketChannel server() throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        return server.bind(UnixDomainSocketAddress.of(path + "_" + HOST_PORT));
    }

    private static void write(SocketChannel to, String text) throws IOException {
        to.write(ByteBuffer.wrap(text.getBytes(US_ASCII)));
    }

    private static String read(SocketChannel from, int length) throws IOException {
        return new String(Channels.newInputStream(from).readNBytes(length), US_ASCII);
    }

    /** The packet that comes next, from a thread that takes its time. */
    private Packet next() throws InterruptedException {
        List<Packet> packets = guest.packets();
        while (packets.isEmpty()) {
            Thread.sleep(1);
            packets = guest.packets();
        }
        assertThat(packets).hasSize(1);
        return packets.getFirst();
    }

    @Test
    void connectsAClientToThePortThatItNames() throws Exception {
        try (SocketChannel client = client("CONNECT 5000\n")) {
            Packet request = next();
            guest.send(request.hostPort(), GUEST_PORT, OP_RESPONSE);
            String answer = "OK %d\n".formatted(request.hostPort());

            assertThat(request.guestPort()).isEqualTo(GUEST_PORT);
            assertThat(read(client, answer.length())).isEqualTo(answer);
            write(client, "hello");
            assertThat(next().data()).isEqualTo("hello");
            guest.send(request.hostPort(), GUEST_PORT, "hello, host");
            assertThat(read(client, 11)).isEqualTo("hello, host");
        }
        assertThat(next().op()).isEqualTo(OP_SHUTDOWN);
    }

    @Test
    void passesTheEndOfOneDirectionOn() throws Exception {
        try (SocketChannel client = client("connect 5000\r\nquestion")) {
            int port = next().hostPort();
            guest.send(port, GUEST_PORT, OP_RESPONSE);
            String question = next().data();
            client.shutdownOutput();
            Packet shutdown = next();
            guest.send(port, GUEST_PORT, "answer");
            guest.shutdown(port, GUEST_PORT, SHUTDOWN_BOTH);

            assertThat(question).isEqualTo("question");
            assertThat(shutdown.flags()).isEqualTo(SHUTDOWN_SEND);
            assertThat(read(client, 100)).isEqualTo("OK %d\nanswer".formatted(port));
        }
    }

    @Test
    void closesAClient_thatTheGuestRefuses() throws Exception {
        try (SocketChannel client = client("CONNECT 5000\n")) {
            guest.send(next().hostPort(), GUEST_PORT, OP_RST);

            assertThat(read(client, 1)).isEmpty();
        }
    }

    @Test
    void closesAClient_thatAsksForNoPort() throws IOException {
        for (String line : List.of("hello\n", "CONNECT\n", "CONNECT 4294967295\n", "CONNECT -1\n", "x".repeat(32))) {
            try (SocketChannel client = client(line)) {
                assertThat(read(client, 1)).as(line).isEmpty();
            }
        }
    }

    @Test
    void connectsTheGuestToTheSocketOfThePort() throws Exception {
        try (ServerSocketChannel server = server()) {
            guest.send(HOST_PORT, GUEST_PORT, OP_REQUEST);
            try (SocketChannel peer = server.accept()) {
                int answer = next().op();
                guest.send(HOST_PORT, GUEST_PORT, "hello");

                assertThat(answer).isEqualTo(OP_RESPONSE);
                assertThat(read(peer, 5)).isEqualTo("hello");
                write(peer, "hello, guest");
                assertThat(next().data()).isEqualTo("hello, guest");
                guest.send(HOST_PORT, GUEST_PORT, OP_RST);
                assertThat(read(peer, 1)).isEmpty();
            }
        }
    }

    @Test
    void refusesTheGuest_whereThereIsNoSocket() throws Exception {
        guest.send(HOST_PORT, GUEST_PORT, OP_REQUEST);

        assertThat(next().op()).isEqualTo(OP_RST);
    }

    @Test
    void leavesPortsToTheHost_whereItListens() throws Exception {
        try (ServerSocketChannel server = server();
                VsockListener listener = guest.host().listen(HOST_PORT)) {
            server.configureBlocking(false);
            guest.send(HOST_PORT, GUEST_PORT, OP_REQUEST);

            assertThat(listener.accept().guestPort()).isEqualTo(GUEST_PORT);
            assertThat(server.accept()).isNull();
        }
    }

    @Test
    void letsClientsReadToTheEnd_afterItEnded() throws Exception {
        try (SocketChannel client = client("CONNECT 5000\n")) {
            int port = next().hostPort();
            guest.send(port, GUEST_PORT, OP_RESPONSE);
            guest.send(port, GUEST_PORT, "last words");
            sockets.end();
            guest.host().close();
            guest.driver().loop().run();

            assertThat(path).doesNotExist();
            assertThat(read(client, 100)).endsWith("last words");
        }
    }

    @Test
    void removesItsFile_andClosesItsClients() throws Exception {
        try (SocketChannel client = client("CONNECT 5000\n")) {
            guest.send(next().hostPort(), GUEST_PORT, OP_RESPONSE);
            sockets.close();

            assertThat(path).doesNotExist();
            assertThat(read(client, 100)).isIn("", "OK 1073741824\n");
        }
    }

    @Test
    void closesAClient_whenTheGuestDoesNotAnswerInTime() throws Exception {
        Path other = folder.resolve("other");
        try (VsockUnixSockets hasty = open(other, Duration.ofMillis(1), new Budget("descriptors", 1024));
                SocketChannel client = SocketChannel.open(UnixDomainSocketAddress.of(other))) {
            write(client, "CONNECT 5000\n");

            assertThat(read(client, 1)).isEmpty();
            assertThat(hasty.refused()).isZero();
        }
    }

    @Test
    void checksTheTimeOut() {
        assertThat(new VirtioVsockOptions(3, null).problems()).isEmpty();
        assertThat(new VirtioVsockOptions(3, null)
                        .withConnectTimeout(Duration.ZERO)
                        .problems())
                .containsExactly("connectTimeout: more than zero, up to a day, was PT0S");
    }

    @Test
    void refusesTheGuest_whenNoDescriptorCanBeHad() throws Exception {
        Budget budget = new Budget("descriptors", 1);
        sockets.close();
        try (VsockUnixSockets small = open(path, Duration.ofSeconds(10), budget);
                ServerSocketChannel server = server()) {
            guest.send(HOST_PORT, GUEST_PORT, OP_REQUEST);
            try (SocketChannel first = server.accept()) {
                assertThat(next().op()).isEqualTo(OP_RESPONSE);

                guest.send(HOST_PORT, GUEST_PORT + 1, OP_REQUEST);

                assertThat(next().op()).isEqualTo(OP_RST);
                assertThat(small.refused()).isEqualTo(1);
                write(first, "still there");
                assertThat(next().data()).isEqualTo("still there");
            }
        }
        assertThat(budget.used()).isZero();
    }

    @Test
    void endsIdleConnections_whenAnotherGuestNeedsItsFairPart() throws Exception {
        Budget budget = new Budget("descriptors", 2);
        sockets.close();
        try (VsockUnixSockets greedy = open(path, Duration.ofSeconds(10), budget);
                ServerSocketChannel server = server();
                Budget.Share other = budget.open("other", () -> {})) {
            guest.send(HOST_PORT, GUEST_PORT, OP_REQUEST);
            SocketChannel first = server.accept();
            next();
            guest.send(HOST_PORT, GUEST_PORT + 1, OP_REQUEST);
            SocketChannel second = server.accept();
            next();

            assertThat(other.tryTake(1)).isTrue();

            assertThat(read(first, 1)).as("the oldest connection ends").isEmpty();
            assertThat(greedy.evicted()).isEqualTo(1);
            write(second, "still there");
            first.close();
            second.close();
        }
    }

    @Test
    void reportsWhatIsInTheWayOfItsFile() throws IOException {
        Path taken = Files.createFile(folder.resolve("taken"));
        Path deep = folder.resolve("gone/v.sock");
        Path longer = folder.resolve("x".repeat(96));

        assertThat(VsockUnixSockets.problem(folder.resolve("free"))).isEmpty();
        assertThat(VsockUnixSockets.problem(taken)).hasValue(taken + " is there already: remove it, or choose another");
        assertThat(VsockUnixSockets.problem(deep))
                .hasValue("there is no folder %s to make the socket %s in: make it".formatted(deep.getParent(), deep));
        assertThat(VsockUnixSockets.problem(longer))
                .hasValueSatisfying(problem ->
                        assertThat(problem).contains("at most 96 bytes").contains("choose a shorter one"));
        assertThatExceptionOfType(MicroVmException.class)
                .isThrownBy(() -> open(taken, Duration.ofSeconds(1), new Budget("descriptors", 1)))
                .withMessage(
                        "virtioVsock: cannot make the Unix socket %s: %s is there already: remove it, or choose another"
                                .formatted(taken, taken));
        assertThat(taken).exists();
    }
}
