package dev.microvm.devices.virtio;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.microvm.devices.virtio.balloon.VirtioBalloon;
import dev.microvm.devices.virtio.balloon.VirtioBalloonOptions;
import dev.microvm.devices.virtio.console.VirtioConsole;
import dev.microvm.devices.virtio.console.VirtioConsole.Port;
import dev.microvm.devices.virtio.rng.VirtioRng;
import dev.microvm.devices.virtio.testing.HostileDriver;
import dev.microvm.devices.virtio.testing.RecordingDevice;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Hostile drivers of virtio devices, one target each: {@link HostileDriver} says what bytes mean.
 */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class VirtioFuzzTest {
    static Stream<byte[]> samples() {
        return HostileDriver.samples();
    }

    /**
     * Queue and transport, with a device that has chains in flight and completes them out of order.
     */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void queue(byte[] script) {
        HostileDriver.run(script, VirtioFuzzTest::juggler);
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void rng(byte[] script) {
        HostileDriver.run(script, transport -> new VirtioRng(transport, new SplittableRandom(1)));
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void console(byte[] script) {
        int[] room = {0};
        HostileDriver.run(script, transport -> {
            VirtioConsole device = new VirtioConsole(
                    transport,
                    List.of(
                            new Port("", (from, offset, length) -> Math.min(length, room[0]++ % 64)),
                            new Port("agent", (from, offset, length) -> length)));
            device.ports().forEach(port -> port.receive(script, 0, Math.min(script.length, 100)));
            return device;
        });
    }

    /**
     * What is given back is guest RAM: what the host leaves there shows up where it must not be.
     */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void balloon(byte[] script) {
        HostileDriver.run(
                script,
                transport -> new VirtioBalloon(
                        transport,
                        VirtioBalloonOptions.DEFAULT.targetMiB(script.length % 16),
                        (memory, offset, length) ->
                                memory.asSlice(offset, length).fill((byte) 0x5a),
                        InstantSource.system(),
                        () -> {}));
    }

    private static RecordingDevice juggler(VirtioTransport transport) {
        RecordingDevice device = new RecordingDevice(transport, 8, 16);
        Deque<DescriptorChain> held = new ArrayDeque<>();
        device.onReset = held::clear;
        device.onNotify = number -> {
            Virtqueue queue = device.queues.get(number);
            queue.drain(chain -> {
                if (held.size() >= 4) return false;
                if (number == 0) held.push(chain);
                else queue.complete(chain, touch(chain));
                return true;
            });
            while (held.size() > 2) {
                DescriptorChain chain = held.removeLast();
                device.queue().stage(chain, touch(chain));
            }
            device.queue().publish();
            device.queue().notifyDriver();
        };
        return device;
    }

    /** Reads and writes all of a chain; returns how much it wrote. */
    private static long touch(DescriptorChain chain) {
        GuestBuffer in = chain.readable();
        GuestBuffer out = chain.writable();
        for (long at = 0; at < Math.min(in.length(), 1000); at += 7) in.getByte(at);
        for (long at = 0; at + 8 <= Math.min(out.length(), 1000); at += 8) out.putLong(at, at);
        return out.length();
    }
}
