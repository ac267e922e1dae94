package dev.microvm.backend.net.user;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

final class DnsMessageTest {
    private static final int PATIENCE_MILLIS = 20_000;

    /** A query as resolvers make it. */
    static byte[] query(String name, int type) {
        ByteArrayOutputStream query = new ByteArrayOutputStream();
        query.writeBytes(new byte[] {0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0});
        for (String label : name.split("\\.", -1)) {
            query.write(label.length());
            query.writeBytes(label.getBytes(US_ASCII));
        }
        query.writeBytes(new byte[] {0, 0, (byte) type, 0, 1});
        return query.toByteArray();
    }

    /** Sends a datagram to a port of the host's loopback and waits for the answer. */
    static byte[] exchange(int port, byte[] query) throws IOException {
        try (DatagramSocket socket = new DatagramSocket()) {
            socket.setSoTimeout(PATIENCE_MILLIS);
            socket.send(new DatagramPacket(query, query.length, InetAddress.getLoopbackAddress(), port));
            DatagramPacket answer = new DatagramPacket(new byte[1500], 1500);
            socket.receive(answer);
            return Arrays.copyOf(answer.getData(), answer.getLength());
        }
    }

    @Test
    void readsNameAndType() {
        DnsMessage question = Objects.requireNonNull(DnsMessage.parse(query("www.example.org", DnsMessage.TYPE_AAAA)));

        assertThat(question.name()).isEqualTo("www.example.org");
        assertThat(question.type()).isEqualTo(DnsMessage.TYPE_AAAA);
    }

    @Test
    void isNoQuestion_whenItIsCutOff() {
        byte[] whole = query("www.example.org", DnsMessage.TYPE_A);

        for (int length = 0; length < whole.length; length++) {
            assertThat(DnsMessage.parse(Arrays.copyOf(whole, length)))
                    .as("%d bytes", length)
                    .isNull();
        }
    }

    @Test
    void isNoQuestion_whenItIsAResponse() {
        byte[] response = query("a", DnsMessage.TYPE_A);
        response[2] |= (byte) 0x80;

        assertThat(DnsMessage.parse(response)).isNull();
    }

    @Test
    void answersWithTheQuestionAndTheAddresses() {
        byte[] query = query("a.b", DnsMessage.TYPE_A);
        DnsMessage question = Objects.requireNonNull(DnsMessage.parse(query));

        byte[] answer = question.answer(DnsMessage.NO_ERROR, List.of(0x0102_0304, 0x0506_0708));

        assertThat(Arrays.copyOfRange(answer, 0, 12)).containsExactly(0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0);
        assertThat(Arrays.copyOfRange(answer, 12, query.length)).isEqualTo(Arrays.copyOfRange(query, 12, query.length));
        assertThat(Arrays.copyOfRange(answer, query.length, answer.length))
                .containsExactly(
                        0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 1, 2, 3, 4, //
                        0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 5, 6, 7, 8);
    }
}
