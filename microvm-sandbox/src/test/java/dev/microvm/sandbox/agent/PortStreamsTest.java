package dev.microvm.sandbox.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ByteChannel;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.Pipe;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The host's side of the port, with a test in the place of the agent. */
@Timeout(60)
final class PortStreamsTest {
    private static final int HEADER = 8;
    private static final Duration SOON = Duration.ofSeconds(30);

    private final Pipe toHost;
    private final Pipe toGuest;
    private final OutputStream guest;
    private final InputStream fromHost;
    private final PortStreams streams;

    PortStreamsTest() throws IOException {
        toHost = Pipe.open();
        toGuest = Pipe.open();
        guest = Channels.newOutputStream(toHost.sink());
        fromHost = Channels.newInputStream(toGuest.source());
        streams = new PortStreams(
                Channels.newInputStream(toHost.source()), Channels.newOutputStream(toGuest.sink()), "test");
    }

    /** A record that the host sent. */
    private record Sent(int kind, int stream, byte[] payload) {
        String text() {
            return new String(payload, UTF_8);
        }
    }

    @AfterEach
    void end() throws IOException {
        guest.close();
        fromHost.close();
    }

    @Test
    void carriesStreams_thatDoNotMix() throws IOException {
        try (ByteChannel one = connect();
                ByteChannel other = streams.connect(SOON)) {
            expect(3, 2); // OPEN
            other.write(bytes("to the second"));
            one.write(bytes("to the first"));
            assertThat(expect(PortStreams.DATA, 2).text()).isEqualTo("to the second");
            assertThat(expect(PortStreams.DATA, 1).text()).isEqualTo("to the first");

            say(PortStreams.DATA, 1, "of the first");
            say(PortStreams.DATA, 2, "of the second");
            say(PortStreams.END, 2, "");
            assertThat(text(other)).isEqualTo("of the second");
            assertThat(other.read(ByteBuffer.allocate(1))).isEqualTo(-1);
            assertThat(text(one)).isEqualTo("of the first");
        }
        expect(PortStreams.CLOSE, 2);
        expect(PortStreams.CLOSE, 1);
    }

    @Test
    void findsTheNextRecord_whereverTheGuestIs() throws IOException {
        guest.write(new byte[] {PortStreams.DATA, 100, 0, 0, 1, 0, 0, 0, 'r', 'e', 's', 't'});

        try (ByteChannel stream = connect()) {
            say(PortStreams.DATA, 1, "hello");
            assertThat(text(stream)).isEqualTo("hello");
        }
    }

    @Test
    void sendsNoMoreThanTheGuestHasGranted() throws Exception {
        try (ByteChannel stream = connect()) {
            Thread writer = Thread.ofPlatform().start(() -> {
                try {
                    stream.write(ByteBuffer.allocate(PortStreams.CREDIT + 5));
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            });
            for (int i = 0; i < PortStreams.CREDIT / PortStreams.RECORD; i++) {
                assertThat(expect(PortStreams.DATA, 1).payload()).hasSize(PortStreams.RECORD);
            }
            say(PortStreams.GRANT, 1, new byte[] {100, 0, 0, 0});
            assertThat(expect(PortStreams.DATA, 1).payload()).hasSize(5);
            writer.join();
        }
    }

    @Test
    void grantsWhatWasRead() throws IOException {
        try (ByteChannel stream = connect()) {
            byte[] record = new byte[PortStreams.RECORD];
            for (int i = 0; i < 4; i++) say(PortStreams.DATA, 1, record);
            ByteBuffer half = ByteBuffer.allocate(PortStreams.CREDIT / 2);
            while (half.hasRemaining()) assertThat(stream.read(half)).isPositive();
            assertThat(ByteBuffer.wrap(expect(PortStreams.GRANT, 1).payload())
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .getInt())
                    .isEqualTo(PortStreams.CREDIT / 2);
        }
    }

    @Test
    void endsAStream_whoseGuestSendsWithoutCredit() throws IOException {
        try (ByteChannel stream = connect()) {
            byte[] record = new byte[PortStreams.RECORD];
            for (int i = 0; i < 5; i++) say(PortStreams.DATA, 1, record);
            expect(PortStreams.CLOSE, 1);
            ByteBuffer all = ByteBuffer.allocate(PortStreams.CREDIT + 1);
            assertThatExceptionOfType(SocketException.class)
                    .isThrownBy(() -> {
                        while (all.hasRemaining()) stream.read(all);
                    })
                    .withMessageContaining("protocol");
        }
    }

    @Test
    void failsStreams_whenTheAgentIsStartedAgain_andConnectsAnew() throws IOException {
        ByteChannel lost = connect();

        hello(0);

        assertThatExceptionOfType(SocketException.class).isThrownBy(() -> text(lost));
        try (ByteChannel stream = connect()) {
            say(PortStreams.DATA, 2, "again");
            assertThat(text(stream)).isEqualTo("again");
        }
    }

    @Test
    void failsStreams_whenTheGuestEnds() throws IOException {
        ByteChannel lost = connect();

        guest.close();

        assertThatExceptionOfType(IOException.class).isThrownBy(() -> text(lost));
        assertThatExceptionOfType(SocketException.class).isThrownBy(() -> streams.connect(SOON));
    }

    @Test
    void saysThatTheAgentDoesNotAnswer() {
        assertThatExceptionOfType(SocketTimeoutException.class)
                .isThrownBy(() -> streams.connect(Duration.ofMillis(1)))
                .withMessageContaining(PortStreams.PORT);
    }

    @Test
    void wakesAReader_whenTheStreamIsClosed() throws Exception {
        ByteChannel stream = connect();
        Thread reader = Thread.ofPlatform()
                .start(() ->
                        assertThatExceptionOfType(ClosedChannelException.class).isThrownBy(() -> text(stream)));

        stream.close();

        reader.join();
        expect(PortStreams.CLOSE, 1);
    }

    // ---- the agent's side

    private ByteChannel connect() throws IOException {
        Thread agent = Thread.ofPlatform().start(() -> {
            try {
                Sent greeting = next();
                hello(ByteBuffer.wrap(greeting.payload())
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .getLong());
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        ByteChannel stream = streams.connect(SOON);
        try {
            agent.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        assertThat(next().kind()).as("OPEN").isEqualTo(3);
        return stream;
    }

    private void hello(long nonce) throws IOException {
        guest.write(new byte[HEADER + PortStreams.RECORD]);
        say(
                PortStreams.HELLO,
                0,
                ByteBuffer.allocate(8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(nonce)
                        .array());
    }

    private void say(int kind, int stream, String text) throws IOException {
        say(kind, stream, text.getBytes(UTF_8));
    }

    private void say(int kind, int stream, byte[] payload) throws IOException {
        guest.write(ByteBuffer.allocate(HEADER + payload.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(kind | payload.length << 8)
                .putInt(stream)
                .put(payload)
                .array());
        guest.flush();
    }

    private Sent expect(int kind, int stream) throws IOException {
        Sent sent = next();
        assertThat(sent).extracting(Sent::kind, Sent::stream).containsExactly(kind, stream);
        return sent;
    }

    private Sent next() throws IOException {
        InputStream in = fromHost;
        int kind = in.read();
        while (kind == 0) kind = in.read();
        ByteBuffer rest = ByteBuffer.wrap(in.readNBytes(HEADER - 1)).order(ByteOrder.LITTLE_ENDIAN);
        int length = rest.get(0) & 0xff | (rest.get(1) & 0xff) << 8 | (rest.get(2) & 0xff) << 16;
        return new Sent(kind, rest.getInt(3), in.readNBytes(length));
    }

    private static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(UTF_8));
    }

    private static String text(ByteChannel from) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(100);
        int length = from.read(bytes);
        return new String(bytes.array(), 0, Math.max(0, length), UTF_8);
    }
}
