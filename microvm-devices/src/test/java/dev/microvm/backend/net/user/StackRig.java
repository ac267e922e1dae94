package dev.microvm.backend.net.user;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.microvm.backend.net.VnetHeader;
import dev.microvm.backend.net.user.Headers.Ethernet;
import dev.microvm.backend.net.user.Headers.Ipv4;
import dev.microvm.backend.net.user.Headers.Tcp;
import dev.microvm.limits.Budget;
import dev.microvm.testing.ManualClock;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A user network without a thread, with a clock that is moved by hand: a test is its guest, frame
 * by frame.
 */
final class StackRig implements AutoCloseable {
    private static final int TURNS = 3;

    private final ManualClock clock = new ManualClock();
    private final UserNetwork network;
    private final UserNetwork.Session session;
    private final MemorySegment frame = Arena.ofAuto().allocate(VnetHeader.MAX_FRAME);
    private final List<byte[]> received = new ArrayList<>();
    private final List<Throwable> failures = new ArrayList<>();
    private @Nullable SocketChannel client;

    StackRig(UserNetworkBuilder builder) {
        this(builder, new Budget("descriptors of a test", Integer.MAX_VALUE));
    }

    /** Makes a network whose flows take their descriptors from a budget. */
    StackRig(UserNetworkBuilder builder, Budget descriptors) {
        network = builder.build();
        session = network.open("rig", () -> {}, clock, descriptors);
        session.onFailure(failures::add);
    }

    UserNetwork network() {
        return network;
    }

    /** What was thrown inside, which should never happen. */
    List<Throwable> failures() {
        return failures;
    }

    /** Sends frames at once, and lets the network do what is due. */
    void send(byte[]... frames) {
        for (byte[] bytes : frames) {
            frame.asSlice(0, VnetHeader.SIZE).fill((byte) 0);
            int length = Math.min(bytes.length, VnetHeader.MAX_FRAME - VnetHeader.SIZE);
            MemorySegment.copy(bytes, 0, frame, JAVA_BYTE, VnetHeader.SIZE, length);
            session.send(frame, 0, VnetHeader.SIZE + (long) length);
        }
        turn();
    }

    /** Lets time pass. */
    void pass(int millis) {
        clock.advance(Duration.ofMillis(millis));
        turn();
    }

    /** Serves once what is ready, and takes the frames that came. */
    void turn() {
        try {
            for (int i = 0; i < TURNS; i++) session.turn(false);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        int length;
        while ((length = session.receive(frame, 0, VnetHeader.MAX_FRAME)) > 0) {
            received.add(frame.asSlice(VnetHeader.SIZE, (long) length - VnetHeader.SIZE)
                    .toArray(JAVA_BYTE));
        }
    }

    /** The frames that the guest got since the last call. */
    List<byte[]> take() {
        List<byte[]> taken = List.copyOf(received);
        received.clear();
        return taken;
    }

    /** Connects to a port of the host's that leads to the guest, whose address is known. */
    void connect(HostForward forward) {
        try {
            send(GuestFrames.arpRequest());
            SocketChannel channel =
                    SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), session.port(forward)));
            channel.configureBlocking(false);
            client = channel;
            for (int i = 0; i < TURNS; i++) turn();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Makes a TCP frame one of the connection to the guest, as far as its addresses and ports go.
     */
    void aim(byte[] tcp) {
        for (byte[] each : received) {
            if (each.length < Ethernet.SIZE + Ipv4.SIZE + Tcp.SIZE
                    || Bytes.getByte(each, Ethernet.SIZE + Ipv4.PROTOCOL) != Ipv4.TCP) continue;
            int ip = Ethernet.SIZE;
            int at = ip + Ipv4.SIZE;
            System.arraycopy(GuestFrames.tcp(GuestFrames.PORT, 1, 0, 0, 0, new byte[0]), 0, tcp, 0, at);
            Bytes.putShort(tcp, ip + Ipv4.TOTAL_LENGTH, tcp.length - ip);
            Bytes.putInt(tcp, ip + Ipv4.DESTINATION, Bytes.getInt(each, ip + Ipv4.SOURCE));
            Bytes.putShort(tcp, at + Tcp.SOURCE_PORT, Bytes.getShort(each, at + Tcp.DESTINATION_PORT));
            Bytes.putShort(tcp, at + Tcp.DESTINATION_PORT, Bytes.getShort(each, at + Tcp.SOURCE_PORT));
            // Near the numbers of the connection: what the script has is a small difference from them.
            Bytes.putInt(
                    tcp, at + Tcp.ACKNOWLEDGMENT, Bytes.getInt(each, at + Tcp.SEQUENCE) + tcp[at + Tcp.ACKNOWLEDGMENT]);
            Bytes.putInt(tcp, at + Tcp.SEQUENCE, Bytes.getInt(each, at + Tcp.ACKNOWLEDGMENT) + tcp[at + Tcp.SEQUENCE]);
        }
    }

    @Override
    public void close() {
        session.free();
        if (client != null) NetLoop.closeQuietly(client);
    }
}
