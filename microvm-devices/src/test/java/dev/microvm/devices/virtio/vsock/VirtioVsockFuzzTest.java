package dev.microvm.devices.virtio.vsock;

import static dev.microvm.devices.virtio.vsock.VsockProtocol.*;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.microvm.devices.virtio.testing.HostileDriver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/** Hostile guests, and a host that does what it likes meanwhile. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class VirtioVsockFuzzTest {
    private static final int PORTS = 4;
    private static final int MOST_STEPS = 2000;

    static Stream<byte[]> scripts() {
        return HostileDriver.samples();
    }

    static Stream<byte[]> conversations() {
        return IntStream.range(0, 24).mapToObj(seed -> {
            byte[] bytes = new byte[4000];
            new Random(seed).nextBytes(bytes);
            return bytes;
        });
    }

    /** A driver that does what bytes say with rings, registers and buffers. */
    @MethodSource("scripts")
    @FuzzTest(maxDuration = "")
    void driver(byte[] script) {
        try (VsockHost host = new VsockHost()) {
            host.listen(0);
            HostileDriver.run(script, transport -> {
                VirtioVsock device = new VirtioVsock(transport, VirtioVsock.FIRST_CID, host);
                try {
                    if (host.connections() < PORTS) GuestSockets.write(host.request(0), "text");
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                return device;
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * A driver that keeps to the rules of queues, and packets of any kind in any order; the host
     * reads, writes and closes.
     */
    @MethodSource("conversations")
    @FuzzTest(maxDuration = "")
    void conversation(byte[] script) throws IOException {
        ByteBuffer from = ByteBuffer.wrap(script);
        GuestSockets guest = new GuestSockets().start(16);
        List<VsockChannel> channels = new ArrayList<>();
        VsockListener listener = guest.host().listen(0);
        guest.host().listenElsewhere(channel -> channels.add(channel) && (channel.guestPort() & 1) == 0);
        for (int i = 0; i < MOST_STEPS && from.hasRemaining(); i++) step(from, guest, channels);
        listener.close();
        for (VsockChannel each : channels) each.close();
        guest.start(16);
        if (guest.host().connections() != 0)
            throw new AssertionError("connections are left: " + guest.host().connections());
    }

    private static void step(ByteBuffer from, GuestSockets guest, List<VsockChannel> channels) throws IOException {
        int what = next(from) % 16;
        VsockChannel channel = channels.isEmpty() ? null : channels.get(next(from) % channels.size());
        if (what < 8) {
            packet(from, guest, channel);
        } else if (what < 10) {
            guest.packets();
        } else if (what == 10 && channels.size() < PORTS) {
            channels.add(guest.host().request(next(from) % PORTS));
        } else if (channel != null && channel.isOpen()) {
            useChannel(what, channel, next(from));
            if (!channel.isOpen()) channels.remove(channel);
        } else {
            guest.driver().loop().clock().advance(next(from) * 100_000_000L);
        }
        guest.driver().loop().run();
    }

    private static void useChannel(int what, VsockChannel channel, int number) throws IOException {
        try {
            switch (what) {
                case 11 -> channel.accept();
                case 12 -> channel.shutdownInput();
                case 13 -> channel.shutdownOutput();
                case 14 -> channel.close();
                default -> GuestSockets.write(channel, "x".repeat(number % 64)); // all fits: nobody waits
            }
        } catch (IOException e) {
            channel.close();
        }
    }

    private static void packet(ByteBuffer from, GuestSockets guest, @Nullable VsockChannel channel) {
        int hostPort = channel == null || next(from) % 4 == 0 ? next(from) % PORTS : (int) channel.hostPort();
        int guestPort = channel == null || next(from) % 4 == 0 ? next(from) % PORTS : (int) channel.guestPort();
        int length = next(from) * (next(from) % 8 == 0 ? 1000 : 1);
        ByteBuffer header = GuestSockets.header(hostPort, guestPort, next(from) % 9, length);
        if (next(from) % 8 == 0) header.putInt(LEN, length + next(from) - 128);
        header.putInt(FLAGS, next(from) % 8);
        header.putInt(BUF_ALLOC, next(from) * 64);
        if (next(from) % 4 == 0) header.putInt(FWD_CNT, next(from));
        guest.send(header, new byte[Math.min(length, 1 << 17)]);
    }

    private static int next(ByteBuffer from) {
        return from.hasRemaining() ? Byte.toUnsignedInt(from.get()) : 0;
    }
}
