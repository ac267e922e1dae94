package dev.microvm.devices.virtio.net;

import static dev.microvm.devices.virtio.net.NetFeatures.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.NetOffload;
import dev.microvm.backend.net.VnetHeader;
import dev.microvm.devices.virtio.VirtioFeatures;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.devices.virtio.testing.HundredPauses;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.state.DeviceState;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** VIRTIO 1.2, section 5.1. */
final class VirtioNetTest {
    private static final int RECEIVE = 0;
    private static final int TRANSMIT = 1;
    private static final int CONTROL = 2;
    private static final long GUEST_ANNOUNCE = 1L << 21;
    private static final MacAddress MAC = MacAddress.parse("02:00:5e:10:00:01");
    private static final long BASIC = VirtioFeatures.VERSION_1 | VirtioFeatures.EVENT_IDX;

    private FakeNetwork network = new FakeNetwork(true);

    @SuppressWarnings("NullAway.Init")
    private VirtioNet device;

    private VirtioDriver driver(FakeNetwork on, VirtioMmio.Version version) {
        network = on;
        return new VirtioDriver(version, transport -> {
            device = new VirtioNet(transport, network, "test", MAC);
            return device;
        });
    }

    private VirtioDriver driver() {
        return driver(new FakeNetwork(true), VirtioMmio.Version.MODERN);
    }

    @Test
    void showsItsAddressItsLinkAndItsMtu() {
        VirtioDriver driver = driver();

        assertThat(IntStream.range(0, 6).mapToLong(i -> driver.config(i, 1)))
                .containsExactly(0x02L, 0x00L, 0x5eL, 0x10L, 0x00L, 0x01L);
        assertThat(driver.config(6, 2)).isEqualTo(1);
        assertThat(driver.config(8, 2)).isEqualTo(1);
        assertThat(driver.config(10, 2)).isEqualTo(1400);
    }

    @Test
    void offersWhatTheNetworkCan() {
        assertThat(driver().offered() & (CSUM | GUEST_CSUM | HOST_TSO4 | GUEST_TSO4 | HOST_TSO6 | GUEST_TSO6))
                .isEqualTo(CSUM | GUEST_CSUM | HOST_TSO4 | GUEST_TSO4);
        assertThat(driver(new FakeNetwork(false), VirtioMmio.Version.MODERN).offered() & (CSUM | GUEST_CSUM))
                .isZero();
    }

    @Test
    void tellsTheNetworkWhatTheDriverTakes_untilReset() {
        VirtioDriver driver = driver();

        driver.start(BASIC | GUEST_CSUM | GUEST_TSO4);
        assertThat(network.guestOffloads()).containsExactlyInAnyOrder(NetOffload.CHECKSUM, NetOffload.TSO4);

        driver.start(BASIC);
        assertThat(network.guestOffloads()).isEmpty();
    }

    @Test
    void refusesFeaturesThatLackWhatTheyNeed() {
        assertThat(NetFeatures.consistent(GUEST_TSO4)).isFalse();
        assertThat(NetFeatures.consistent(HOST_TSO4)).isFalse();
        assertThat(NetFeatures.consistent(CTRL_RX)).isFalse();
        assertThat(NetFeatures.consistent(CSUM | GUEST_CSUM | GUEST_TSO4 | HOST_TSO4 | CTRL_VQ | CTRL_RX))
                .isTrue();
    }

    // ---- transmission

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 12, 20})
    void sendsAFrame_whereverItIsCut(int firstPiece) {
        VirtioDriver driver = driver().start(BASIC);
        byte[] whole = withHeader(frame(100));
        driver.queue(TRANSMIT)
                .add(
                        driver.readable(Arrays.copyOf(whole, firstPiece)),
                        driver.readable(Arrays.copyOfRange(whole, firstPiece, whole.length)));

        driver.notify(TRANSMIT);

        assertThat(network.sent()).containsExactly(whole);
        assertThat(driver.queue(TRANSMIT).take().written()).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {12, 20})
    void sendsTheFrameAlone_toANetworkWithoutHeaders(int firstPiece) {
        VirtioDriver driver =
                driver(new FakeNetwork(false), VirtioMmio.Version.MODERN).start(BASIC);
        byte[] whole = withHeader(frame(100));
        driver.queue(TRANSMIT)
                .add(
                        driver.readable(Arrays.copyOf(whole, firstPiece)),
                        driver.readable(Arrays.copyOfRange(whole, firstPiece, whole.length)));
        driver.queue(TRANSMIT).add(driver.readable(whole));

        driver.notify(TRANSMIT);

        assertThat(network.sent()).containsExactly(frame(100), frame(100));
    }

    @Test
    void takesTheShortHeaderOfLegacyDrivers() {
        VirtioDriver driver =
                driver(new FakeNetwork(true), VirtioMmio.Version.LEGACY).start(0);
        byte[] frame = frame(100);
        driver.queue(TRANSMIT).add(driver.readable(new byte[10]), driver.readable(frame));
        Buffer buffer = driver.writable(1526);
        driver.queue(RECEIVE).add(buffer);

        driver.notify(TRANSMIT);
        driver.notify(RECEIVE);
        network.give(withHeader(frame));
        driver.loop().run();

        assertThat(network.sent()).containsExactly(withHeader(frame));
        assertThat(driver.queue(RECEIVE).take().written()).isEqualTo(110);
        assertThat(Arrays.copyOfRange(driver.content(buffer), 10, 110)).isEqualTo(frame);
    }

    @Test
    void dropsWhatIsNoFrame() {
        VirtioDriver driver = driver().start(BASIC);
        driver.queue(TRANSMIT).add(driver.readable(new byte[5]));
        driver.queue(TRANSMIT).add(driver.readable(new byte[12 + 13]));
        driver.queue(TRANSMIT).add(driver.readable(new byte[70_000]));
        driver.queue(TRANSMIT).add(driver.writable(100));

        driver.notify(TRANSMIT);

        assertThat(network.sent()).isEmpty();
        assertThat(driver.queue(TRANSMIT).usedIndex()).isEqualTo(4);
        assertThat(driver.needsReset()).isFalse();
    }

    @Test
    void keepsFramesInTheQueue_whileTheNetworkHasNoRoom() {
        VirtioDriver driver = driver().start(BASIC);
        network.room(1);
        for (int i = 0; i < 3; i++) driver.queue(TRANSMIT).add(driver.readable(withHeader(frame(60 + i))));

        driver.notify(TRANSMIT);
        assertThat(driver.queue(TRANSMIT).usedIndex()).isEqualTo(1);

        network.room(Integer.MAX_VALUE);
        driver.loop().run();
        assertThat(network.sent()).containsExactly(withHeader(frame(60)), withHeader(frame(61)), withHeader(frame(62)));
    }

    // ---- reception

    @Test
    void fillsABuffer() {
        VirtioDriver driver = driver().start(BASIC);
        Buffer buffer = driver.writable(1526);
        driver.queue(RECEIVE).add(buffer);
        driver.notify(RECEIVE);

        network.give(withHeader(frame(100)));
        driver.loop().run();

        assertThat(driver.queue(RECEIVE).take().written()).isEqualTo(112);
        assertThat(driver.content(buffer)[VnetHeader.NUM_BUFFERS]).isEqualTo((byte) 1);
        assertThat(Arrays.copyOfRange(driver.content(buffer), 12, 112)).isEqualTo(frame(100));
    }

    @Test
    void fillsSeveralBuffers_whenTheyMayBeMerged() {
        VirtioDriver driver = driver().start(BASIC | MRG_RXBUF);
        Buffer[] buffers = Stream.generate(() -> driver.writable(50)).limit(3).toArray(Buffer[]::new);
        for (Buffer buffer : buffers) driver.queue(RECEIVE).add(buffer);
        driver.notify(RECEIVE);

        network.give(withHeader(frame(100)));
        driver.loop().run();

        assertThat(driver.queue(RECEIVE).take().written()).isEqualTo(50);
        assertThat(driver.queue(RECEIVE).take().written()).isEqualTo(50);
        assertThat(driver.queue(RECEIVE).take().written()).isEqualTo(12);
        assertThat(driver.content(buffers[0])[VnetHeader.NUM_BUFFERS]).isEqualTo((byte) 3);
        assertThat(Arrays.copyOfRange(driver.content(buffers[0]), 12, 50))
                .isEqualTo(Arrays.copyOfRange(frame(100), 0, 38));
        assertThat(Arrays.copyOf(driver.content(buffers[2]), 12)).isEqualTo(Arrays.copyOfRange(frame(100), 88, 100));
    }

    @Test
    void waitsForBuffers_andLosesNothing() {
        VirtioDriver driver = driver().start(BASIC | MRG_RXBUF);
        network.give(withHeader(frame(100)));
        network.give(withHeader(frame(60)));
        driver.loop().run();
        assertThat(network.waiting()).isEqualTo(1); // one is in the device

        driver.queue(RECEIVE).add(driver.writable(60));
        driver.notify(RECEIVE);
        assertThat(driver.queue(RECEIVE).usedIndex()).isZero(); // too little for it

        driver.queue(RECEIVE).add(driver.writable(60));
        driver.queue(RECEIVE).add(driver.writable(100));
        assertThat(driver.queue(RECEIVE).mustNotify()).isTrue();
        driver.notify(RECEIVE);
        assertThat(driver.queue(RECEIVE).usedIndex()).isEqualTo(3);
    }

    @Test
    void losesAFrame_thatNoBufferIsLargeEnoughFor() {
        VirtioDriver driver = driver().start(BASIC);
        driver.queue(RECEIVE).add(driver.writable(50));
        driver.queue(RECEIVE).add(driver.writable(100));
        driver.notify(RECEIVE);

        network.give(withHeader(frame(100)));
        network.give(withHeader(frame(60)));
        driver.loop().run();

        assertThat(driver.queue(RECEIVE).take().written()).isZero();
        assertThat(driver.queue(RECEIVE).take().written()).isEqualTo(72);
    }

    @ParameterizedTest
    @CsvSource({"1, 0", "1, 1", "0, 1", "0, 4"})
    void losesAFrame_whoseRestOfWorkTheDriverDoesNotTake(int flags, int gso) {
        VirtioDriver driver = driver().start(BASIC | (gso == 4 ? GUEST_CSUM | GUEST_TSO4 : 0));
        driver.queue(RECEIVE).add(driver.writable(1526));
        driver.notify(RECEIVE);
        byte[] frame = withHeader(frame(100));
        frame[VnetHeader.FLAGS] = (byte) flags;
        frame[VnetHeader.GSO_TYPE] = (byte) gso;

        network.give(frame);
        driver.loop().run();

        assertThat(driver.queue(RECEIVE).usedIndex()).isZero();
        assertThat(network.waiting()).isZero();
    }

    // ---- control

    @Test
    void receivesOnlyWhatIsForIt_whenNotPromiscuous() {
        VirtioDriver driver = driver().start(BASIC | CTRL_VQ | CTRL_RX | CTRL_MAC_ADDR);
        for (int i = 0; i < 8; i++) driver.queue(RECEIVE).add(driver.writable(1526));
        driver.notify(RECEIVE);

        assertThat(command(driver, 0, 0, 0)).isZero(); // not promiscuous
        assertThat(command(driver, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 9, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1))
                .isZero(); // MAC tables
        for (String destination : new String[] {
            "02005e100001", "ffffffffffff", "020000000009", "01005e000001", "020000000008", "01005e000002"
        }) {
            network.give(withHeader(frameTo(destination)));
        }
        driver.loop().run();

        assertThat(driver.queue(RECEIVE).usedIndex()).isEqualTo(4);
        assertThat(command(driver, 0, 1, 1)).isZero(); // all multicast
        network.give(withHeader(frameTo("01005e000002")));
        driver.loop().run();
        assertThat(driver.queue(RECEIVE).usedIndex()).isEqualTo(5);
    }

    @Test
    void takesAnotherAddress_untilReset() {
        VirtioDriver driver = driver().start(BASIC | CTRL_VQ | CTRL_MAC_ADDR);

        assertThat(command(driver, 1, 1, 2, 0, 0, 0, 0, 7)).isZero();
        assertThat(driver.config(5, 1)).isEqualTo(7);

        driver.start(BASIC);
        assertThat(driver.config(5, 1)).isEqualTo(1);
    }

    @Test
    void refusesCommands_thatItDoesNotKnowOrThatAreCutOff() {
        VirtioDriver driver = driver().start(BASIC | CTRL_VQ | CTRL_RX | CTRL_MAC_ADDR);

        assertThat(command(driver, 0, 0)).isEqualTo(1);
        assertThat(command(driver, 0, 9, 1)).isEqualTo(1);
        assertThat(command(driver, 7, 0, 1)).isEqualTo(1);
        assertThat(command(driver, 1, 1, 2, 0, 0)).isEqualTo(1);
        assertThat(command(driver, 1, 0, 1, 0, 0, 0, 2)).isEqualTo(1);
        assertThat(command(driver, 1, 0, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9))
                .isEqualTo(1);
        assertThat(driver.needsReset()).isFalse();
    }

    @Test
    void tellsTheDriver_whenTheLinkGoesDown_andCarriesNothing() {
        VirtioDriver driver = driver().start(BASIC);
        driver.queue(RECEIVE).add(driver.writable(1526));
        driver.notify(RECEIVE);

        device.linkUp(false);
        driver.loop().run();
        assertThat(driver.config(6, 2)).isZero();
        assertThat(driver.acknowledge()).isEqualTo(2); // configuration changed: 4.2.2

        driver.queue(TRANSMIT).add(driver.readable(withHeader(frame(60))));
        driver.notify(TRANSMIT);
        network.give(withHeader(frame(60)));
        driver.loop().run();
        assertThat(network.sent()).isEmpty();
        assertThat(driver.queue(RECEIVE).usedIndex()).isZero();
    }

    // ---- life

    @Test
    void closesTheNetwork() {
        driver();
        assertThat(network.isOpen()).isTrue();

        device.close();
        assertThat(network.isOpen()).isFalse();
    }

    @Test
    void restoresWhatItSaved() {
        VirtioDriver first = driver().start(BASIC | CTRL_VQ | CTRL_RX | CTRL_MAC_ADDR);
        assertThat(command(first, 1, 1, 2, 0, 0, 0, 0, 7)).isZero();
        assertThat(command(first, 0, 0, 0)).isZero();
        DeviceState state = device.save();

        driver().start(BASIC | CTRL_VQ | CTRL_RX | CTRL_MAC_ADDR);
        device.restore(DeviceState.decode(state.encode()));

        assertThat(device.save()).isEqualTo(state);
    }

    /** Section 5.1.6.5.4: a driver announces itself where the device has asked, which needs a feature. */
    @Test
    void announcesNothing_whenItContinuesOnAnotherNetwork() {
        VirtioDriver first = driver();
        long offered = first.offered();
        first.start(BASIC | CTRL_VQ | CTRL_MAC_ADDR | STATUS | NetFeatures.MAC);
        assertThat(command(first, 1, 1, 2, 0, 0, 0, 0, 7)).isZero();
        first.acknowledge();
        byte[] whole = withHeader(frame(100));

        network = new FakeNetwork(true);
        VirtioDriver next = first.continued(transport -> new VirtioNet(transport, network, "test", MAC));

        assertThat(offered & GUEST_ANNOUNCE).isZero();
        assertThat(next.acknowledge()).as("interrupts").isZero();
        assertThat(next.config(5, 1)).as("its own address stays").isEqualTo(7);
        assertThat(next.config(6, 2)).as("status").isEqualTo(1);
        assertThat(network.sent()).isEmpty();
        next.queue(TRANSMIT).add(next.readable(whole));
        next.notify(TRANSMIT);
        assertThat(network.sent()).containsExactly(whole);
    }

    private static int command(VirtioDriver driver, int... bytes) {
        byte[] command = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) command[i] = (byte) bytes[i];
        Buffer answer = driver.writable(1);
        driver.queue(CONTROL).add(driver.readable(command), answer);
        driver.notify(CONTROL);
        assertThat(driver.queue(CONTROL).take().written()).isEqualTo(1);
        return driver.content(answer)[0];
    }

    private static byte[] frame(int length) {
        byte[] frame = new byte[length];
        for (int i = 0; i < length; i++) frame[i] = (byte) (3 * i + length);
        frame[0] = 2;
        return frame;
    }

    private static byte[] frameTo(String destination) {
        byte[] frame = frame(60);
        byte[] mac = HexFormat.of().parseHex(destination);
        System.arraycopy(mac, 0, frame, 0, mac.length);
        return frame;
    }

    private static byte[] withHeader(byte[] frame) {
        byte[] whole = new byte[VnetHeader.SIZE + frame.length];
        System.arraycopy(frame, 0, whole, VnetHeader.SIZE, frame.length);
        return whole;
    }

    // ---- pause

    @Test
    void leavesFramesWithTheNetwork_whileItIsPaused() {
        VirtioDriver driver = driver().start(BASIC);
        Buffer buffer = driver.writable(1526);
        driver.queue(RECEIVE).add(buffer);
        driver.notify(RECEIVE);
        driver.mmio().pause();

        network.give(withHeader(frame(100)));
        driver.queue(TRANSMIT).add(driver.readable(withHeader(frame(60))));
        driver.notify(TRANSMIT);
        assertThat(network.waiting()).isEqualTo(1);
        assertThat(network.sent()).isEmpty();

        driver.mmio().resume();
        driver.loop().run();
        assertThat(driver.queue(RECEIVE).take().written()).isEqualTo(112);
        assertThat(Arrays.copyOfRange(driver.content(buffer), 12, 112)).isEqualTo(frame(100));
        assertThat(network.sent()).containsExactly(withHeader(frame(60)));
    }

    @Test
    void carriesEachFrameOnceAndInOrder_overAHundredPauses() {
        VirtioDriver driver = driver().start(BASIC);
        Buffer outgoing = driver.readable(withHeader(frame(60)));
        Buffer incoming = driver.writable(1526);
        int[] counts = {0, 0, 0}; // sent, given, received

        HundredPauses.during(driver, () -> {
            if (driver.queue(TRANSMIT).freeDescriptors() > 0) {
                driver.queue(TRANSMIT).add(outgoing);
                counts[0]++;
            }
            if (driver.queue(RECEIVE).freeDescriptors() > 0) {
                driver.queue(RECEIVE).add(incoming);
                network.give(withHeader(frame(60 + counts[1]++ % 1000)));
            }
            driver.notify(TRANSMIT);
            driver.notify(RECEIVE);
            while (driver.queue(TRANSMIT).poll() != null) {}
            counts[2] = receiveInOrder(driver, counts[2]);
        });
        counts[2] = receiveInOrder(driver, counts[2]);

        assertThat(network.sent()).hasSize(counts[0]);
        assertThat(counts[2]).isEqualTo(counts[1]);
    }

    /**
     * Takes the frames that have come, each a byte longer than the one before; returns how many
     * have come so far.
     */
    private static int receiveInOrder(VirtioDriver driver, int before) {
        int received = before;
        for (var used = driver.queue(RECEIVE).poll();
                used != null;
                used = driver.queue(RECEIVE).poll()) {
            assertThat(used.written()).isEqualTo(12 + 60 + received++ % 1000);
        }
        return received;
    }
}
