package dev.microvm.devices.virtio.net;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.microvm.backend.net.MacAddress;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.testing.DriverQueue;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Hostile drivers. A script chooses the features and writes descriptors, heads and indices of its
 * own, while frames come. What breaks the rules may break the device, and nothing else.
 */
@Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class VirtioNetFuzzTest {
    private static final MacAddress MAC = MacAddress.parse("02:00:5e:10:00:01");
    private static final int QUEUES = 3;
    private static final int QUEUE_SIZE = 8;
    private static final int MOST_STEPS = 256;

    static Stream<byte[]> samples() {
        return Stream.of(new byte[0], new byte[] {0, 0, 1, 0, 16, 0, 40, 2, 3, 0, 4, 60, 2, 1, 3, 1}, new byte[] {
            (byte) 0xff, (byte) 0xff, 1, 0, 16, 0, 40, 2, 1, 1, 17, 0, 60, 0, 2, 0, 3, 0, 4, 100, 5, 0
        });
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void driver(byte[] script) {
        ByteBuffer from = ByteBuffer.wrap(script);
        FakeNetwork network = new FakeNetwork((next(from) & 1) != 0);
        VirtioDriver driver = new VirtioDriver(
                VirtioMmio.Version.MODERN, transport -> new VirtioNet(transport, network, "fuzz", MAC));
        long features = driver.offered() & ~(long) next(from);
        driver.start(NetFeatures.consistent(features) ? features : driver.offered(), QUEUE_SIZE);
        for (int i = 0; i < MOST_STEPS && from.hasRemaining(); i++) step(next(from), from, driver, network);
        network.clear();
        driver.start(); // it serves the next driver
        driver.queue(0).add(driver.writable(1526));
        driver.notify(0);
        network.give(new byte[100]);
        driver.loop().run();
        if (driver.queue(0).poll() == null) throw new AssertionError("the device does not serve the next driver");
    }

    private static void step(int kind, ByteBuffer from, VirtioDriver driver, FakeNetwork network) {
        int queueNumber = next(from) % QUEUES;
        DriverQueue queue = driver.queue(queueNumber);
        switch (kind % 6) {
            case 1 -> {
                int index = next(from) % QUEUE_SIZE;
                long gpa = (long) next(from) << 12;
                queue.descriptor(index, gpa, next(from) * (1 + next(from)), next(from), next(from));
            }
            case 2 -> queue.offer(next(from) % (QUEUE_SIZE + 1));
            case 3 -> driver.notify(queueNumber);
            case 4 -> {
                byte[] frame = new byte[next(from) * (1 + next(from) % 8)];
                if (frame.length > 13) {
                    frame[0] = (byte) next(from);
                    frame[1] = (byte) next(from);
                    network.give(frame);
                }
            }
            case 5 -> network.room(next(from));
            default -> driver.memory().putByte(((long) next(from) << 12) + next(from), next(from));
        }
        driver.loop().run();
    }

    private static int next(ByteBuffer from) {
        return from.hasRemaining() ? from.get() & 0xff : 0;
    }
}
