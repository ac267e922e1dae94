package dev.microvm.backend.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

final class LocalNetworkTest {
    private static final int FRAME = 60;
    private static final int BROADCAST = 0xff;

    private final LocalNetwork network = new LocalNetwork();
    private final AtomicInteger notified = new AtomicInteger();
    private final NetBackend a = open();
    private final NetBackend b = open();
    private final NetBackend c = open();

    private NetBackend open() {
        NetBackend port = network.port();
        port.start("vm", notified::incrementAndGet);
        return port;
    }

    /** Sends a frame between stations whose addresses are one byte, six times. */
    private static void send(NetBackend port, int to, int from) {
        byte[] frame = new byte[FRAME];
        Arrays.fill(frame, 0, 6, (byte) to);
        Arrays.fill(frame, 6, 12, (byte) from);
        assertThat(port.send(MemorySegment.ofArray(frame), 0, FRAME)).isTrue();
    }

    private static int receive(NetBackend port) {
        return port.receive(MemorySegment.ofArray(new byte[FRAME]), 0, FRAME);
    }

    @Test
    void sendsToAllOthers_whenTheAddressIsAGroupOrUnknown() {
        send(a, BROADCAST, 0x02);
        send(a, 0x08, 0x02);

        for (NetBackend each : new NetBackend[] {b, c}) {
            assertThat(receive(each)).isEqualTo(FRAME);
            assertThat(receive(each)).isEqualTo(FRAME);
        }
        assertThat(receive(a)).isEqualTo(NetBackend.NO_FRAME);
        assertThat(notified).hasValue(4);
    }

    @Test
    void sendsToOnePort_whenItHasLearnedTheAddress() {
        send(b, BROADCAST, 0x04);
        receive(a);
        receive(c);

        send(a, 0x04, 0x02);

        assertThat(receive(b)).isEqualTo(FRAME);
        assertThat(receive(c)).isEqualTo(NetBackend.NO_FRAME);
    }

    @Test
    void learnsAgain_whenAStationMoves() {
        send(b, BROADCAST, 0x04);
        send(c, BROADCAST, 0x04);
        while (receive(b) != NetBackend.NO_FRAME) {}
        while (receive(c) != NetBackend.NO_FRAME) {}

        send(a, 0x04, 0x02);

        assertThat(receive(b)).isEqualTo(NetBackend.NO_FRAME);
        assertThat(receive(c)).isEqualTo(FRAME);
    }

    @Test
    void neverLearnsTheAddressOfAGroup() {
        send(b, BROADCAST, BROADCAST);
        receive(a);
        receive(c);

        send(a, BROADCAST, 0x02);

        assertThat(receive(c)).isEqualTo(FRAME);
    }

    @Test
    void cutsWhatIsLongerThanTheBuffer() {
        send(a, BROADCAST, 0x02);

        assertThat(b.receive(MemorySegment.ofArray(new byte[20]), 0, 20)).isEqualTo(20);
        assertThat(receive(b)).isEqualTo(NetBackend.NO_FRAME);
    }

    @Test
    void dropsFrames_whenAGuestDoesNotReceive() {
        for (int i = 0; i < 300; i++) send(a, BROADCAST, 0x02);

        int received = 0;
        while (receive(b) != NetBackend.NO_FRAME) received++;
        assertThat(received).isEqualTo(256);
    }

    @Test
    void dropsWhatIsNoFrame() {
        for (int length : new int[] {13, 1519}) {
            assertThat(a.send(MemorySegment.ofArray(new byte[length]), 0, length))
                    .isTrue();
        }

        assertThat(receive(b)).isEqualTo(NetBackend.NO_FRAME);
    }

    @Test
    void forgetsAPortThatIsClosed_untilItIsOpenedAgain() {
        send(b, BROADCAST, 0x04);
        receive(c);
        b.close();

        send(a, 0x04, 0x02);
        assertThat(receive(c)).as("unknown again").isEqualTo(FRAME);

        b.start("vm", notified::incrementAndGet);
        assertThat(receive(b)).isEqualTo(NetBackend.NO_FRAME);
        assertThatIllegalStateException().isThrownBy(() -> b.start("vm", () -> {}));
    }
}
