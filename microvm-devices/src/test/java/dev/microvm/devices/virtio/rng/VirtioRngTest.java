package dev.microvm.devices.virtio.rng;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.devices.virtio.testing.DriverQueue;
import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.devices.virtio.testing.HundredPauses;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.limits.RateLimit;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

final class VirtioRngTest {
    private static final byte[] ZEROS = new byte[100];

    /** Counts up, so that a test can tell which bytes it gave, and where. */
    private static final class CountingSource implements RandomGenerator {
        private int given;

        @Override
        public long nextLong() {
            throw new AssertionError("bytes are asked for");
        }

        @Override
        public void nextBytes(byte[] bytes) {
            for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) ++given;
        }
    }

    private static VirtioDriver driver(RandomGenerator source) {
        return new VirtioDriver(transport -> new VirtioRng(transport, source)).start();
    }

    @Test
    void fillsABuffer_andInterrupts() {
        VirtioDriver driver = driver(new CountingSource());
        DriverQueue queue = driver.queue(0);
        Buffer buffer = driver.writable(5);

        int head = queue.add(buffer);
        driver.notify(0);

        assertThat(queue.take()).isEqualTo(new DriverQueue.Used(head, 5));
        assertThat(driver.content(buffer)).containsExactly(1, 2, 3, 4, 5);
        assertThat(driver.irq().takeRisingEdges()).isEqualTo(1);
        assertThat(driver.acknowledge()).isEqualTo(1);
        assertThat(driver.irq().isHigh()).isFalse();
    }

    @Test
    void fillsAllPiecesOfABuffer() {
        VirtioDriver driver = driver(new CountingSource());
        Buffer first = driver.writable(3);
        Buffer second = driver.writable(2);

        driver.queue(0).add(first, second);
        driver.notify(0);

        assertThat(driver.queue(0).take().written()).isEqualTo(5);
        assertThat(driver.content(first)).containsExactly(1, 2, 3);
        assertThat(driver.content(second)).containsExactly(4, 5);
    }

    @Test
    void givesPartOnly_whenARequestIsLarge() {
        VirtioDriver driver = driver(new CountingSource());
        Buffer buffer = driver.writable(VirtioRng.MOST_BYTES + ZEROS.length);

        driver.queue(0).add(buffer);
        driver.notify(0);

        assertThat(driver.queue(0).take().written()).isEqualTo(VirtioRng.MOST_BYTES);
        byte[] content = driver.content(buffer);
        assertThat(content[VirtioRng.MOST_BYTES - 2]).isEqualTo((byte) (VirtioRng.MOST_BYTES - 1));
        assertThat(Arrays.copyOfRange(content, VirtioRng.MOST_BYTES, content.length))
                .isEqualTo(ZEROS);
    }

    @Test
    void givesNothing_whenThereIsNothingToWrite() {
        VirtioDriver driver = driver(new CountingSource());

        driver.queue(0).add(driver.readable((byte) 1));
        driver.notify(0);

        assertThat(driver.queue(0).take().written()).isZero();
        assertThat(driver.needsReset()).isFalse();
    }

    @Test
    void servesAllThatWaits_withOneInterrupt() {
        VirtioDriver driver = driver(new SplittableRandom(1));
        for (int i = 0; i < driver.queue(0).size(); i++) driver.queue(0).add(driver.writable(8));

        driver.notify(0);

        assertThat(driver.queue(0).usedIndex()).isEqualTo(driver.queue(0).size());
        assertThat(driver.irq().takeRisingEdges()).isEqualTo(1);
    }

    @Test
    void givesOtherBytesEachTime_fromTheHostsSource() {
        VirtioDriver driver = driver(new SecureRandom());
        Buffer first = driver.writable(16);
        Buffer second = driver.writable(16);

        driver.queue(0).add(first);
        driver.queue(0).add(second);
        driver.notify(0);

        assertThat(driver.content(first)).isNotEqualTo(new byte[16]).isNotEqualTo(driver.content(second));
    }

    @Test
    void letsRequestsWait_whenTheyAreOverItsRate() {
        RateLimit limit = RateLimit.bytesPerSecond(1000);
        VirtioDriver driver =
                new VirtioDriver(transport -> new VirtioRng(transport, new CountingSource(), limit)).start();
        for (int i = 0; i < 3; i++) driver.queue(0).add(driver.writable(100));

        driver.notify(0);
        assertThat(driver.queue(0).usedIndex()).isEqualTo(1); // the first is over what was saved up, and pays later

        driver.loop().clock().advance(Duration.ofMillis(40));
        driver.loop().run();
        assertThat(driver.queue(0).usedIndex()).isEqualTo(1);
        driver.loop().clock().advance(Duration.ofMillis(60));
        driver.loop().run();
        assertThat(driver.queue(0).usedIndex()).isEqualTo(2);
        driver.loop().clock().advance(Duration.ofMillis(100));
        driver.loop().run();
        assertThat(driver.queue(0).usedIndex()).isEqualTo(3);
    }

    // ---- pause

    @Test
    void waitsWithRequests_whileItIsPaused() {
        VirtioDriver driver = driver(new CountingSource());
        driver.mmio().pause();

        driver.queue(0).add(driver.writable(5));
        driver.notify(0);
        assertThat(driver.queue(0).poll()).isNull();

        driver.mmio().resume();
        driver.loop().run();
        assertThat(driver.queue(0).take().written()).isEqualTo(5);
    }

    @Test
    void answersEachRequestOnce_overAHundredPauses() {
        CountingSource source = new CountingSource();
        VirtioDriver driver = driver(source);
        Buffer buffer = driver.writable(1);
        int[] requests = {0};

        HundredPauses.during(driver, () -> {
            if (driver.queue(0).freeDescriptors() > 0) {
                driver.queue(0).add(buffer);
                requests[0]++;
            }
            driver.notify(0);
            while (driver.queue(0).poll() != null) requests[0]--;
        });

        while (driver.queue(0).poll() != null) requests[0]--;
        assertThat(requests[0]).isZero();
    }
}
