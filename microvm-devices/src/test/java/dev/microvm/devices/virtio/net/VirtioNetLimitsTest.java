package dev.microvm.devices.virtio.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.VnetHeader;
import dev.microvm.devices.virtio.VirtioFeatures;
import dev.microvm.devices.virtio.testing.DriverQueue;
import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.limits.RateLimit;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Limits of a network device, by a clock that moves in steps. */
final class VirtioNetLimitsTest {
    private static final int RECEIVE = 0;
    private static final int TRANSMIT = 1;
    private static final int WAITING = 16; // frames that wait at each moment
    private static final int SECONDS = 10;
    private static final Duration STEP = Duration.ofMillis(1);
    private static final int STEPS_PER_SECOND = 1000;
    private static final MacAddress MAC = MacAddress.parse("02:00:5e:10:00:01");

    private final FakeNetwork network = new FakeNetwork(true);
    private final NetEnd end = new NetEnd(network, "test", MAC, VirtioNetOptions.DEFAULT);
    private final VirtioDriver driver = new VirtioDriver(end).start(VirtioFeatures.VERSION_1);
    private @Nullable Buffer outgoing;
    private int received; // frames that the guest has received

    @ParameterizedTest
    @CsvSource({"1000000, 0, 1500", "0, 500, 60", "10000, 0, 1500", "200000, 100, 1500", "50000000, 0, 65000"})
    void holdTheGuestBack_toWithinAFewPercent(long bytes, long frames, int size) {
        RateLimit limit = new RateLimit(bytes, frames);
        end.limit(limit, RateLimit.NONE);

        send(SECONDS, size);

        assertThat((double) network.sent().size()).isCloseTo(SECONDS * perSecond(limit, size), withPercentage(5));
        assertThat(driver.queue(RECEIVE).usedIndex()).isZero();
    }

    @ParameterizedTest
    @CsvSource({"1000000, 0, 1500", "0, 500, 60", "10000, 0, 1500", "200000, 100, 1500"})
    void holdTheNetworkBack_toWithinAFewPercent(long bytes, long frames, int size) {
        RateLimit limit = new RateLimit(bytes, frames);
        end.limit(RateLimit.NONE, limit);

        receive(SECONDS, size);

        assertThat((double) received).isCloseTo(SECONDS * perSecond(limit, size), withPercentage(5));
        assertThat(network.waiting())
                .as("what the limit holds back stays in the network")
                .isPositive();
    }

    @Test
    void canBeChangedAndRemoved_whileFramesWait() {
        end.limit(RateLimit.operationsPerSecond(10), RateLimit.NONE);
        send(1, 60);
        int slow = network.sent().size();
        end.limit(RateLimit.operationsPerSecond(100), RateLimit.NONE);
        send(1, 60);
        int faster = network.sent().size() - slow;

        assertThat(slow).isBetween(9, 12);
        assertThat(faster).isBetween(95, 107);

        fill(60);
        end.limit(RateLimit.NONE, RateLimit.NONE);
        driver.loop().run(); // no time passes
        assertThat(network.sent()).hasSize(slow + faster + WAITING);
    }

    @Test
    void chargeAFrameOnce_whenTheNetworkHasNoRoomForIt() {
        end.limit(RateLimit.operationsPerSecond(1), RateLimit.NONE);
        network.room(0);
        fill(60);
        driver.loop().clock().advance(Duration.ofSeconds(5));
        driver.loop().run();
        network.room(Integer.MAX_VALUE);
        driver.loop().run();

        assertThat(network.sent())
                .as("the one that was paid for, and the one after it")
                .hasSizeBetween(1, 2);
    }

    @Test
    void doNotOutliveTheDriver() {
        end.limit(RateLimit.operationsPerSecond(1), RateLimit.operationsPerSecond(1));
        send(1, 60);
        driver.start(VirtioFeatures.VERSION_1); // resets the device
        int before = network.sent().size();

        driver.loop().clock().advance(Duration.ofSeconds(10));
        driver.loop().run();

        assertThat(network.sent()).as("the frames that waited are gone").hasSize(before);
    }

    @Test
    void leaveNoTimer_afterTheDeviceIsClosed() {
        end.limit(RateLimit.operationsPerSecond(1), RateLimit.NONE);
        fill(60);
        driver.loop().run();
        assertThat(driver.loop().clock().armedTimers()).isEqualTo(1);

        driver.mmio().close();
        end.close();

        assertThat(driver.loop().clock().armedTimers()).isZero();
        assertThat(network.isOpen()).isFalse();
    }

    @Test
    void areKeptForTheNextRun() {
        end.limit(RateLimit.bytesPerSecond(7), RateLimit.operationsPerSecond(8));

        new VirtioDriver(end).start(VirtioFeatures.VERSION_1);

        assertThat(end.fromGuest()).isEqualTo(RateLimit.bytesPerSecond(7));
        assertThat(end.toGuest()).isEqualTo(RateLimit.operationsPerSecond(8));
    }

    private static double perSecond(RateLimit limit, int size) {
        double byBytes = limit.bytesPerSecond() == 0 ? Double.MAX_VALUE : (double) limit.bytesPerSecond() / size;
        double byFrames = limit.operationsPerSecond() == 0 ? Double.MAX_VALUE : limit.operationsPerSecond();
        return Math.min(byBytes, byFrames);
    }

    /** Sends as fast as the device takes. */
    private void send(int seconds, int size) {
        driver.loop().run(); // the limit that was just set
        for (int step = 0; step < seconds * STEPS_PER_SECOND; step++) {
            fill(size);
            driver.loop().clock().advance(STEP);
            driver.loop().run();
        }
    }

    private void fill(int size) {
        DriverQueue queue = driver.queue(TRANSMIT);
        while (queue.poll() != null) {
            // the device has sent it
        }
        Buffer frame = outgoing == null ? driver.readable(new byte[VnetHeader.SIZE + size]) : outgoing;
        outgoing = frame; // the same bytes each time
        while (queue.size() - queue.freeDescriptors() < WAITING) queue.add(frame);
        driver.notify(TRANSMIT);
    }

    /** Has as many frames for the guest as it takes. */
    private void receive(int seconds, int size) {
        DriverQueue queue = driver.queue(RECEIVE);
        Buffer buffer = driver.writable(VnetHeader.SIZE + size);
        byte[] frame = new byte[VnetHeader.SIZE + size];
        System.arraycopy(new byte[] {2, 0, 0x5e, 0x10, 0, 1}, 0, frame, VnetHeader.SIZE, 6);
        driver.loop().run();
        for (int step = 0; step < seconds * STEPS_PER_SECOND; step++) {
            while (queue.poll() != null) received++;
            while (queue.freeDescriptors() > 0) queue.add(buffer);
            driver.notify(RECEIVE);
            while (network.waiting() < WAITING) network.give(frame);
            driver.loop().clock().advance(STEP);
            driver.loop().run();
        }
    }
}
