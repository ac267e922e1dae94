package dev.microvm.backend.net.user;

import java.io.IOException;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import org.jspecify.annotations.Nullable;

/** A UDP flow between a port of the guest and one peer. For the network's thread. */
final class UdpFlow extends Flow {
    private final DatagramChannel channel;
    private final @Nullable SocketAddress client; // of a port forward, whose socket serves several
    private final TimerHeap.Timer timer;
    private final long timeout;
    private long lastUsed;

    /**
     * Makes a flow.
     *
     * @param client address to which datagrams go; null if the channel belongs to this flow and is
     *     connected
     * @param over action to run if the flow was not used for the time-out
     */
    UdpFlow(UdpStack stack, DatagramChannel channel, @Nullable SocketAddress client, Key key, Runnable over) {
        super(key.guestAddress, key.guestPort, key.peerAddress, key.peerPort);
        this.channel = channel;
        this.client = client;
        timeout = stack.timeout();
        timer = stack.loop().timer(over);
        use(stack.loop().now());
    }

    /** The addresses and ports of a flow. */
    record Key(int guestAddress, int guestPort, int peerAddress, int peerPort) {}

    void use(long now) {
        lastUsed = now;
        timer.armAt(now + timeout);
    }

    long lastUsed() {
        return lastUsed;
    }

    @Nullable
    SocketAddress client() {
        return client;
    }

    DatagramChannel channel() {
        return channel;
    }

    /** Sends a datagram; returns false if the host has no room for it. */
    boolean send(ByteBuffer datagram) throws IOException {
        int length = datagram.remaining();
        int sent = client == null ? channel.write(datagram) : channel.send(datagram, client);
        return sent == length;
    }

    void close() {
        timer.close();
        if (client == null) NetLoop.closeQuietly(channel);
    }
}
