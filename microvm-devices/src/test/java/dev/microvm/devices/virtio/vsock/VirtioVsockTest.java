package dev.microvm.devices.virtio.vsock;

import static dev.microvm.devices.virtio.vsock.GuestSockets.CID;
import static dev.microvm.devices.virtio.vsock.GuestSockets.PIECE;
import static dev.microvm.devices.virtio.vsock.GuestSockets.SPACE;
import static dev.microvm.devices.virtio.vsock.GuestSockets.header;
import static dev.microvm.devices.virtio.vsock.GuestSockets.read;
import static dev.microvm.devices.virtio.vsock.GuestSockets.write;
import static dev.microvm.devices.virtio.vsock.VsockProtocol.*;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.devices.virtio.testing.HundredPauses;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.devices.virtio.vsock.GuestSockets.Packet;
import dev.microvm.state.DeviceState;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class VirtioVsockTest {
    private static final int HOST_PORT = 1024;
    private static final int GUEST_PORT = 5000;
    private static final int BUFFERS = 64;

    private final GuestSockets guest = new GuestSockets().start(BUFFERS);
    private final VsockHost host = guest.host();

    // ---- handshake: 5.10.6.5

    @Test
    void hasTheGuestsContextId() {
        assertThat(guest.driver().config(0, 8)).isEqualTo(CID);
        assertThat(guest.driver().offered() & F_STREAM).isEqualTo(F_STREAM);
        assertThat(guest.driver().mmio().queueCount()).isEqualTo(3);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 2, 0xffff_ffffL, -1})
    void refusesReservedContextIds(long cid) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new VirtioDriver(transport -> new VirtioVsock(transport, cid, host)))
                .withMessage("guest CID: 3 to 4294967294, was " + cid);
    }

    @Test
    void asksTheGuest_whenTheHostConnects() throws IOException {
        VsockChannel channel = host.request(GUEST_PORT);

        Packet request = guest.packet();
        guest.send(request.hostPort(), GUEST_PORT, OP_RESPONSE);
        channel.awaitEstablished(0);

        assertThat(request)
                .isEqualTo(new Packet(
                        HOST_CID, CID, request.hostPort(), GUEST_PORT, TYPE_STREAM, OP_REQUEST, 0, 131072, 0, ""));
        assertThat(channel.hostPort()).isEqualTo(request.hostPort());
        assertThat(channel.guestPort()).isEqualTo(GUEST_PORT);
    }

    @Test
    void saysThatTheGuestRefuses() throws IOException {
        VsockChannel channel = host.request(GUEST_PORT);
        guest.send(guest.packet().hostPort(), GUEST_PORT, OP_RST);

        assertThatExceptionOfType(ConnectException.class)
                .isThrownBy(() -> channel.awaitEstablished(0))
                .withMessage("guest port 5000: connection refused by the guest");
    }

    @Test
    void takesTheRequestBack_whenTheGuestDoesNotAnswerInTime() {
        assertThatExceptionOfType(SocketTimeoutException.class)
                .isThrownBy(() -> host.connect(GUEST_PORT, Duration.ZERO))
                .withMessage("guest port 5000: no driver of the guest's asks for packets within 0 ms");
        assertThat(guest.ops()).isEmpty();
        assertThat(host.connections()).isZero();
    }

    @Test
    void resetsTheRequest_whenItIsClosedBeforeTheAnswer() throws IOException {
        VsockChannel channel = host.request(GUEST_PORT);
        guest.packet();

        channel.close();

        assertThat(guest.ops()).containsExactly(OP_RST);
        assertThat(host.connections()).isZero();
    }

    @Test
    void acceptsWhatTheGuestAsksFor_whereTheHostListens() throws IOException {
        try (VsockListener listener = host.listen(HOST_PORT)) {
            guest.send(HOST_PORT, GUEST_PORT, OP_REQUEST);

            VsockChannel channel = listener.accept();

            assertThat(guest.ops()).containsExactly(OP_RESPONSE);
            assertThat(channel.hostPort()).isEqualTo(HOST_PORT);
            assertThat(channel.guestPort()).isEqualTo(GUEST_PORT);
        }
    }

    @Test
    void refusesTheGuest_whereNobodyListens() {
        guest.send(HOST_PORT, GUEST_PORT, OP_REQUEST);

        Packet reset = guest.packet();

        assertThat(reset.op()).isEqualTo(OP_RST);
        assertThat(reset.hostPort()).isEqualTo(HOST_PORT);
        assertThat(reset.guestPort()).isEqualTo(GUEST_PORT);
    }

    @Test
    void waitsForTheDriver() throws IOException {
        GuestSockets late = new GuestSockets();
        VsockChannel channel = late.host().request(GUEST_PORT);
        late.driver().loop().run();

        late.start(BUFFERS);
        Packet request = late.packet();
        late.send(request.hostPort(), GUEST_PORT, OP_RESPONSE);

        assertThat(request.op()).isEqualTo(OP_REQUEST);
        channel.awaitEstablished(0);
    }

    @Test
    void listensOnceAtAPort_andAgainWhenItIsClosed() throws IOException {
        VsockListener first = host.listen(HOST_PORT);

        assertThatExceptionOfType(BindException.class).isThrownBy(() -> host.listen(HOST_PORT));
        first.close();
        host.listen(HOST_PORT).close();
        assertThatIllegalArgumentException().isThrownBy(() -> host.listen(0xffff_ffffL));
    }

    // ---- data and credit: 5.10.6.3

    @Test
    void carriesBytesBothWays() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();

        guest.send(port, GUEST_PORT, "hello, ");
        guest.send(port, GUEST_PORT, "host");
        write(channel, "hello, guest");

        assertThat(read(channel)).isEqualTo("hello, host");
        assertThat(guest.packet().data()).isEqualTo("hello, guest");
    }

    @Test
    void cutsWhatIsLong_asTheBuffersAre() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);

        write(channel, "x".repeat(PIECE) + "y".repeat(10));

        assertThat(guest.packets()).extracting(Packet::data).containsExactly("x".repeat(PIECE), "y".repeat(10));
    }

    @Test
    void sendsNoMoreThanTheGuestHasRoomFor_andAsksOnce() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();
        write(channel, "x".repeat(SPACE + 500));

        List<Packet> first = guest.packets();
        guest.credit(port, GUEST_PORT, 0, SPACE);
        List<Integer> whileFull = guest.ops();
        guest.credit(port, GUEST_PORT, 100, SPACE);
        List<Packet> then = guest.packets();
        guest.credit(port, GUEST_PORT, SPACE, SPACE);
        List<Packet> last = guest.packets();

        assertThat(first.stream().mapToInt(packet -> packet.data().length()).sum())
                .isEqualTo(SPACE);
        assertThat(first.getLast().op()).isEqualTo(OP_CREDIT_REQUEST);
        assertThat(whileFull).isEmpty();
        assertThat(then).extracting(packet -> packet.data().length()).containsExactly(100, 0);
        assertThat(last).extracting(packet -> packet.data().length()).containsExactly(400);
    }

    @Test
    void sendsNothing_toAGuestThatCountsMoreThanItGot() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        guest.credit((int) channel.hostPort(), GUEST_PORT, 1, SPACE);

        write(channel, "text");

        assertThat(guest.ops()).containsExactly(OP_CREDIT_REQUEST);
    }

    @Test
    void believesAGuestThatHasRoomFor4GiB() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();

        guest.credit(port, GUEST_PORT, 0, -1);
        write(channel, "text");

        assertThat(guest.packet().data()).isEqualTo("text");
    }

    @Test
    void tellsTheGuest_whenTheHostHasTakenHalf() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();
        String half = "x".repeat(Connection.BUFFER / 2);

        guest.send(port, GUEST_PORT, half.substring(1));
        read(channel);
        List<Integer> early = guest.ops();
        guest.send(port, GUEST_PORT, "x");
        read(channel);
        Packet update = guest.packet();

        assertThat(early).isEmpty();
        assertThat(update.op()).isEqualTo(OP_CREDIT_UPDATE);
        assertThat(update.space()).isEqualTo(Connection.BUFFER);
        assertThat(update.forwarded()).isEqualTo(half.length());
    }

    @Test
    void answersWhatTheGuestAsksAboutCredit() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();
        guest.send(port, GUEST_PORT, "123");
        read(channel);

        guest.send(port, GUEST_PORT, OP_CREDIT_REQUEST);

        assertThat(guest.packet().forwarded()).isEqualTo(3);
    }

    @Test
    void resetsAConnection_whoseGuestSendsMoreThanThereIsRoomFor() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();
        guest.send(port, GUEST_PORT, "x".repeat(Connection.BUFFER));
        assertThat(guest.ops()).isEmpty();

        guest.send(port, GUEST_PORT, "y");

        assertThat(guest.ops()).containsExactly(OP_RST);
        assertThat(read(channel)).hasSize(Connection.BUFFER);
        assertThatExceptionOfType(SocketException.class)
                .isThrownBy(() -> read(channel))
                .withMessage("connection reset: the guest broke the protocol");
    }

    @Test
    void keepsTheOrder_inARingThatWrapsAround() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();
        StringBuilder sent = new StringBuilder();
        StringBuilder got = new StringBuilder();
        for (int i = 0; i < 40; i++) {
            String piece = Integer.toString(i % 10).repeat(7000 + i * 300);
            guest.send(port, GUEST_PORT, piece);
            sent.append(piece);
            if (i % 3 > 0) got.append(read(channel));
            guest.packets();
        }
        got.append(read(channel));

        assertThat(got.toString()).isEqualTo(sent.toString());
    }

    @Test
    void servesConnectionsInTurn() throws IOException {
        VsockChannel first = guest.connected(GUEST_PORT);
        VsockChannel second = guest.connected(GUEST_PORT + 1);
        write(first, "a".repeat(2 * PIECE));
        write(second, "b".repeat(2 * PIECE));

        assertThat(guest.packets())
                .extracting(packet -> packet.data().charAt(0))
                .containsExactly('a', 'b', 'a', 'b');
    }

    // ---- ends: 5.10.6.5

    @Test
    void endsCleanly_whenTheHostCloses() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();
        write(channel, "last words");
        channel.close();

        List<Packet> packets = guest.packets();
        guest.send(port, GUEST_PORT, OP_RST);

        assertThat(packets).extracting(Packet::op).containsExactly(OP_SHUTDOWN, OP_RW, OP_SHUTDOWN);
        assertThat(packets.getFirst().flags()).isEqualTo(SHUTDOWN_RECEIVE);
        assertThat(packets.getLast().flags()).isEqualTo(SHUTDOWN_BOTH);
        assertThat(guest.ops()).isEmpty();
        assertThat(host.connections()).isZero();
    }

    @Test
    void resets_whenTheGuestDoesNotAnswerTheEnd() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        channel.close();
        assertThat(guest.ops()).containsExactly(OP_SHUTDOWN);

        guest.driver().loop().clock().advance(Duration.ofSeconds(8).toNanos());

        assertThat(guest.ops()).containsExactly(OP_RST);
        assertThat(host.connections()).isZero();
    }

    @Test
    void answersTheGuestsEnd_andStillHasWhatItSent() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();
        guest.send(port, GUEST_PORT, "bye");

        guest.shutdown(port, GUEST_PORT, SHUTDOWN_BOTH);

        assertThat(guest.ops()).containsExactly(OP_RST);
        assertThat(read(channel)).isEqualTo("bye");
        assertThat(read(channel)).isEqualTo("end");
        assertThatExceptionOfType(SocketException.class).isThrownBy(() -> write(channel, "too late"));
        channel.close();
        assertThat(host.connections()).isZero();
    }

    @Test
    void goesOnSending_whenTheGuestSendsNoMore() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();

        guest.send(port, GUEST_PORT, "question");
        guest.shutdown(port, GUEST_PORT, SHUTDOWN_SEND);
        String question = read(channel) + read(channel);
        write(channel, "answer");

        assertThat(question).isEqualTo("questionend");
        assertThat(guest.packet().data()).isEqualTo("answer");
    }

    @Test
    void goesOnReceiving_whenTheHostSendsNoMore() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();
        write(channel, "question");
        channel.shutdownOutput();

        List<Packet> packets = guest.packets();
        guest.send(port, GUEST_PORT, "answer");

        assertThat(packets).extracting(Packet::op).containsExactly(OP_RW, OP_SHUTDOWN);
        assertThat(packets.getLast().flags()).isEqualTo(SHUTDOWN_SEND);
        assertThat(read(channel)).isEqualTo("answer");
        assertThatExceptionOfType(SocketException.class).isThrownBy(() -> write(channel, "more"));
    }

    @Test
    void dropsWhatComes_whenTheHostReadsNoMore() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();
        channel.shutdownInput();
        guest.send(port, GUEST_PORT, "on its way");

        Packet shutdown = guest.packet();

        assertThat(shutdown.flags()).isEqualTo(SHUTDOWN_RECEIVE);
        assertThat(read(channel)).isEqualTo("end");
        write(channel, "still");
        assertThat(guest.packet().data()).isEqualTo("still");
    }

    @Test
    void discardsWhatTheGuestWillNotRead() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();
        write(channel, "x".repeat(SPACE + 1));
        guest.packets();

        guest.shutdown(port, GUEST_PORT, SHUTDOWN_RECEIVE);
        guest.credit(port, GUEST_PORT, SPACE, SPACE);

        assertThat(guest.ops()).isEmpty();
        assertThatExceptionOfType(SocketException.class)
                .isThrownBy(() -> write(channel, "more"))
                .withMessage("the guest reads no more");
    }

    @Test
    void saysThatTheGuestReset_afterWhatItSent() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();
        guest.send(port, GUEST_PORT, "half a mess");
        guest.send(port, GUEST_PORT, OP_RST);

        assertThat(read(channel)).isEqualTo("half a mess");
        assertThatExceptionOfType(SocketException.class)
                .isThrownBy(() -> read(channel))
                .withMessage("connection reset by the guest");
        assertThat(guest.ops()).isEmpty(); // a reset is not answered
    }

    @Test
    void failsWhatIsUsedAfterClose() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        channel.close();

        assertThat(channel.isOpen()).isFalse();
        assertThatExceptionOfType(ClosedChannelException.class).isThrownBy(() -> read(channel));
        assertThatExceptionOfType(ClosedChannelException.class).isThrownBy(() -> write(channel, ""));
        assertThatExceptionOfType(ClosedChannelException.class).isThrownBy(channel::shutdownInput);
    }

    // ---- what is wrong

    @ParameterizedTest
    @ValueSource(ints = {OP_RESPONSE, OP_SHUTDOWN, OP_RW, OP_CREDIT_UPDATE, OP_CREDIT_REQUEST, 0, 8, 0xffff})
    void resetsWhatIsOfNoConnection(int op) {
        guest.send(HOST_PORT, GUEST_PORT, op);

        assertThat(guest.ops()).containsExactly(OP_RST);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, OP_REQUEST, OP_RESPONSE, 8})
    void resetsAConnection_whoseGuestSaysWhatMakesNoSense(int op) throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);

        guest.send((int) channel.hostPort(), GUEST_PORT, op);

        assertThat(guest.ops()).containsExactly(OP_RST);
        assertThatExceptionOfType(SocketException.class).isThrownBy(() -> read(channel));
    }

    @Test
    void resetsSocketsOfAnUnknownType() throws IOException {
        VsockListener listener = host.listen(HOST_PORT);
        guest.send(header(HOST_PORT, GUEST_PORT, OP_REQUEST, 0).putShort(TYPE, (short) 2), new byte[0]);

        Packet reset = guest.packet();

        assertThat(reset.op()).isEqualTo(OP_RST);
        assertThat(reset.type()).isEqualTo(2);
        assertThatExceptionOfType(SocketTimeoutException.class).isThrownBy(() -> listener.accept(Duration.ZERO));
    }

    @Test
    void dropsWhatIsNotFromTheGuestToTheHost_orTooShort() {
        guest.send(header(HOST_PORT, GUEST_PORT, OP_RW, 0).putLong(SRC_CID, CID + 1), new byte[0]);
        guest.send(header(HOST_PORT, GUEST_PORT, OP_RW, 0).putLong(DST_CID, HOST_CID | 1L << 32), new byte[0]);
        guest.driver().queue(TX).add(guest.driver().readable(new byte[HEADER_SIZE - 1]));
        guest.driver().notify(TX);

        assertThat(guest.takeBack()).isEqualTo(1);
        assertThat(guest.ops()).isEmpty();
    }

    @Test
    void resetsAConnection_whosePacketIsShorterThanItSays() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);

        guest.send(header((int) channel.hostPort(), GUEST_PORT, OP_RW, 5), new byte[4]);

        assertThat(guest.ops()).containsExactly(OP_RST);
    }

    @Test
    void answersNoResets() {
        guest.send(HOST_PORT, GUEST_PORT, OP_RST);

        assertThat(guest.ops()).isEmpty();
    }

    // ---- limits

    @Test
    void givesBackBuffersThatNoHeaderFitsInto() throws IOException {
        GuestSockets narrow = new GuestSockets().start(0);
        narrow.addBuffer(HEADER_SIZE - 1);
        narrow.addBuffer(HEADER_SIZE);
        narrow.host().request(GUEST_PORT);

        assertThat(narrow.ops()).containsExactly(OP_REQUEST);
    }

    @Test
    void takesNoMorePackets_whileAsManyAnswersWaitForBuffers() {
        GuestSockets mute = new GuestSockets().start(0);
        for (int i = 0; i < 250; i++) mute.queue(header(HOST_PORT, GUEST_PORT, OP_RW, 0), new byte[0]);
        mute.driver().notify(TX);
        int first = mute.takeBack();
        for (int i = 0; i < 250; i++) mute.queue(header(HOST_PORT, GUEST_PORT, OP_RW, 0), new byte[0]);
        mute.driver().notify(TX);
        int second = mute.takeBack();

        mute.addBuffers(200);
        List<Packet> resets = mute.allPackets();

        assertThat(first).isEqualTo(250);
        assertThat(second).isEqualTo(6);
        assertThat(mute.takeBack()).isEqualTo(244);
        assertThat(resets).hasSize(500);
    }

    @Test
    void refusesTheGuest_whenTooManyWaitToBeAccepted() throws IOException {
        VsockListener listener = host.listen(HOST_PORT);
        for (int i = 0; i < VsockListener.BACKLOG; i++) guest.send(HOST_PORT, i, OP_REQUEST);
        guest.allPackets();

        guest.send(HOST_PORT, GUEST_PORT, OP_REQUEST);
        List<Integer> refused = guest.ops();
        listener.accept().close();
        guest.packets();
        guest.send(HOST_PORT, GUEST_PORT, OP_REQUEST);

        assertThat(refused).containsExactly(OP_RST);
        assertThat(guest.ops()).containsExactly(OP_RESPONSE);
    }

    @Test
    void hasNoMoreConnectionsThanItMay() throws IOException {
        List<VsockChannel> channels = new ArrayList<>();
        for (int i = 0; i < VsockHost.MOST_CONNECTIONS; i++) channels.add(host.request(i));
        List<Packet> requests = guest.allPackets();

        host.listen(HOST_PORT);
        guest.send(HOST_PORT, GUEST_PORT, OP_REQUEST);

        assertThat(requests).hasSize(VsockHost.MOST_CONNECTIONS);
        assertThat(guest.ops()).containsExactly(OP_RST);
        assertThatExceptionOfType(ConnectException.class)
                .isThrownBy(() -> host.request(GUEST_PORT))
                .withMessage("guest port 5000: there are 1024 connections, the most that there may be");
        channels.getFirst().close();
        guest.packets();
        host.request(GUEST_PORT);
    }

    @Test
    void countsAConnection_untilTheHostHasLetGoOfItToo() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        guest.send((int) channel.hostPort(), GUEST_PORT, OP_RST);
        int before = host.connections();
        channel.close();

        assertThat(before).isEqualTo(1);
        assertThat(host.connections()).isZero();
    }

    // ---- resets, restore, the end

    @Test
    void resetsConnections_withTheDriver_andListensOn() throws IOException {
        VsockListener listener = host.listen(HOST_PORT);
        VsockChannel channel = guest.connected(GUEST_PORT);
        guest.send((int) channel.hostPort(), GUEST_PORT, "unread");

        guest.start(BUFFERS);
        guest.send(HOST_PORT, GUEST_PORT, OP_REQUEST);

        assertThat(guest.ops()).containsExactly(OP_RESPONSE);
        assertThat(listener.accept().guestPort()).isEqualTo(GUEST_PORT);
        assertThat(read(channel)).isEqualTo("unread");
        assertThatExceptionOfType(SocketException.class)
                .isThrownBy(() -> read(channel))
                .withMessage("connection reset: so was the guest's driver");
    }

    @Test
    void tellsARestoredGuest_thatItsConnectionsAreNoMore() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        Buffer event = guest.driver().writable(4);
        guest.driver().memory().putInt(event.gpa(), -1);
        guest.driver().queue(EVENT).add(event);
        guest.driver().notify(EVENT);
        boolean early = guest.driver().queue(EVENT).poll() != null;
        DeviceState saved = guest.driver().mmio().save();

        guest.driver().mmio().reset();
        guest.driver().mmio().restore(saved);
        guest.driver().loop().run();
        guest.send((int) channel.hostPort(), GUEST_PORT, "into the void");

        assertThat(early).isFalse();
        assertThat(guest.driver().queue(EVENT).take().written()).isEqualTo(4);
        assertThat(guest.driver().memory().getInt(event.gpa())).isZero();
        assertThat(guest.ops()).containsExactly(OP_RST);
    }

    @Test
    void holdsNewConnectionsBack_untilTheGuestHasActedOnTheTransportReset() throws IOException {
        Buffer event = guest.driver().writable(4);
        guest.driver().queue(EVENT).add(event, guest.driver().writable(4));
        guest.driver().notify(EVENT);
        DeviceState saved = guest.driver().mmio().save();
        guest.driver().mmio().reset();
        guest.driver().mmio().restore(saved);
        host.request(GUEST_PORT);

        List<Integer> before = guest.ops();
        guest.driver().queue(EVENT).take();
        guest.driver().queue(EVENT).add(event);
        guest.driver().notify(EVENT);

        assertThat(before).isEmpty();
        assertThat(guest.ops()).containsExactly(OP_REQUEST);
    }

    /** The host end of a fork or a restored machine is a new one, without the ports of the first. */
    @Test
    void acceptsAtTheSamePort_inAMachineThatContinues() throws IOException {
        VsockListener listener = host.listen(HOST_PORT);
        guest.send(HOST_PORT, GUEST_PORT, OP_REQUEST);
        VsockChannel channel = listener.accept();
        guest.ops();
        GuestSockets child = guest.continued();

        VsockListener again = child.host().listen(HOST_PORT);
        child.send(HOST_PORT, GUEST_PORT, OP_REQUEST);
        List<Integer> ops = child.ops();

        assertThat(ops).containsExactly(OP_RESPONSE);
        assertThat(again.accept().guestPort()).isEqualTo(GUEST_PORT);
        assertThat(child.host().connections()).isEqualTo(1);
        assertThat(channel.isOpen()).as("the first machine's").isTrue();
    }

    /** Linux keeps a connection that was reset by its two ports, and refuses others with these, until it is closed. */
    @Test
    void choosesAnotherPortThanBefore_inAMachineThatContinues() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        GuestSockets child = guest.continued();
        VsockChannel again = child.connected(GUEST_PORT);

        VsockChannel last = child.continued().connected(GUEST_PORT);

        assertThat(List.of(channel.hostPort(), again.hostPort(), last.hostPort()))
                .doesNotHaveDuplicates();
    }

    @Test
    void choosesTheFirstPort_whenItWasSavedByAnEarlierVersion() {
        VirtioVsock device = device();

        device.restore(new DeviceState("virtio-vsock", 1));

        assertThat(device.save().number("nextPort")).isEqualTo(1 << 30);
    }

    private VirtioVsock device() {
        List<VirtioVsock> made = new ArrayList<>();
        VirtioDriver driver = new VirtioDriver(transport -> {
            made.add(new VirtioVsock(transport, CID, host));
            return made.getFirst();
        });
        assertThat(driver.needsReset()).isFalse();
        return made.getFirst();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, (1 << 30) - 1, 1L << 31, Long.MIN_VALUE})
    void refusesAPortThatItDoesNotChoose(long port) {
        DeviceState state = new DeviceState("virtio-vsock", 2).put("nextPort", port);

        assertThatIllegalArgumentException().isThrownBy(() -> device().restore(state));
    }

    @Test
    void endsAll_whenTheHostEnds() throws IOException {
        VsockListener listener = host.listen(HOST_PORT);
        VsockChannel channel = guest.connected(GUEST_PORT);
        guest.queue(header((int) channel.hostPort(), GUEST_PORT, OP_RW, 3), new byte[] {'b', 'y', 'e'});

        host.close();
        guest.driver().loop().run();

        assertThat(read(channel)).isEqualTo("bye");
        assertThatExceptionOfType(SocketException.class)
                .isThrownBy(() -> read(channel))
                .withMessage("connection reset: the guest ended");
        assertThatExceptionOfType(ClosedChannelException.class).isThrownBy(listener::accept);
        assertThatExceptionOfType(ConnectException.class).isThrownBy(() -> host.request(GUEST_PORT));
        assertThatExceptionOfType(SocketException.class).isThrownBy(() -> host.listen(HOST_PORT));
    }

    @Test
    void endsAll_whenTheMachineIsClosed() throws IOException {
        VsockChannel established = guest.connected(GUEST_PORT);
        VsockChannel requested = host.request(GUEST_PORT);

        guest.driver().mmio().close();

        assertThatExceptionOfType(SocketException.class).isThrownBy(() -> write(established, "x"));
        assertThatExceptionOfType(ConnectException.class).isThrownBy(() -> requested.awaitEstablished(0));
        established.close();
        requested.close();
        assertThat(host.connections()).isZero();
    }

    // ---- threads that wait

    @Test
    void letsGoOfThreadsThatWait_whenItIsClosed() throws Exception {
        VsockChannel reading = guest.connected(GUEST_PORT);
        VsockListener listening = host.listen(HOST_PORT);
        List<Throwable> thrown = new ArrayList<>();
        Thread reader = startThread(thrown, () -> read(reading));
        Thread acceptor = startThread(thrown, listening::accept);

        reading.close();
        reader.join();
        listening.close();
        acceptor.join();

        assertThat(thrown).hasSize(2).allMatch(each -> each instanceof ClosedChannelException);
    }

    @Test
    void closesAChannel_whoseReaderIsInterrupted() throws Exception {
        VsockChannel channel = guest.connected(GUEST_PORT);
        List<Throwable> thrown = new ArrayList<>();
        Thread reader = startThread(thrown, () -> read(channel));

        reader.interrupt();
        reader.join();

        assertThat(thrown).singleElement().isInstanceOf(AsynchronousCloseException.class);
        assertThat(channel.isOpen()).isFalse();
    }

    @Test
    void letsAWriterWait_untilTheGuestReads() throws Exception {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();
        String text = "0123456789".repeat(40_000);
        List<Throwable> thrown = new ArrayList<>();
        Thread writer = startThread(thrown, () -> {
            write(channel, text);
            return "";
        });
        StringBuilder got = new StringBuilder();
        while (got.length() < text.length()) {
            guest.packets().forEach(packet -> got.append(packet.data()));
            guest.credit(port, GUEST_PORT, got.length(), SPACE);
        }
        writer.join();

        assertThat(thrown).isEmpty();
        assertThat(got.toString()).isEqualTo(text);
    }

    /** Does something that may fail. */
    @FunctionalInterface
    private interface Action {
        Object run() throws Exception;
    }

    /** A virtual thread, which puts what is thrown into a list before it ends. */
    private static Thread startThread(List<Throwable> thrown, Action action) {
        return Thread.ofVirtual().start(() -> {
            try {
                action.run();
            } catch (Exception e) {
                thrown.add(e);
            }
        });
    }

    // ---- pause

    @Test
    void keepsWhatBothSidesSend_whileItIsPaused() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        guest.driver().mmio().pause();

        write(channel, "from host");
        guest.send((int) channel.hostPort(), GUEST_PORT, "from guest");
        assertThat(guest.packets()).isEmpty();
        assertThat(guest.driver().queue(TX).freeDescriptors()).as("not taken").isEqualTo(256 - 2);

        guest.driver().mmio().resume();
        assertThat(guest.packet().data()).isEqualTo("from host");
        assertThat(read(channel)).isEqualTo("from guest");
        assertThat(guest.takeBack()).isEqualTo(1);
    }

    @Test
    void letsTheGuestAnswerAfterThePause_howeverLongThatWas() throws IOException {
        guest.connected(GUEST_PORT).close();
        assertThat(guest.ops()).containsExactly(OP_SHUTDOWN);

        guest.driver().mmio().pause();
        guest.driver().loop().clock().advance(Duration.ofHours(1));
        guest.driver().mmio().resume();

        assertThat(guest.ops()).as("no reset yet").isEmpty();
        guest.driver().loop().clock().advance(Duration.ofSeconds(8));
        assertThat(guest.ops()).containsExactly(OP_RST);
    }

    @Test
    void carriesEachByteOnceAndInOrder_overAHundredPauses() throws IOException {
        VsockChannel channel = guest.connected(GUEST_PORT);
        int port = (int) channel.hostPort();
        StringBuilder atGuest = new StringBuilder();
        StringBuilder atHost = new StringBuilder();
        int[] sent = {0, 0}; // numbers of five digits: to the guest, and from it

        HundredPauses.during(guest.driver(), () -> {
            try {
                if (5 * sent[0] < atGuest.length() + SPACE / 2) write(channel, "%05d".formatted(sent[0]++));
                for (Packet packet : guest.packets()) atGuest.append(packet.data());
                if (5 * sent[1] == atHost.length()) { // the driver has one buffer to send from
                    byte[] data = "%05d".formatted(sent[1]++).getBytes(US_ASCII);
                    guest.queue(header(port, GUEST_PORT, OP_RW, 5).putInt(FWD_CNT, atGuest.length()), data);
                }
                guest.driver().notify(TX);
                if (guest.takeBack() > 0) atHost.append(read(channel));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        for (Packet packet : guest.allPackets()) atGuest.append(packet.data());
        if (guest.takeBack() > 0) atHost.append(read(channel));

        assertThat(atGuest).hasToString(numbers(sent[0]));
        assertThat(atHost).hasToString(numbers(sent[1]));
    }

    private static String numbers(int count) {
        return IntStream.range(0, count).mapToObj("%05d"::formatted).collect(Collectors.joining());
    }
}
