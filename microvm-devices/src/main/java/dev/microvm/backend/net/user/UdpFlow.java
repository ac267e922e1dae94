package dev.microvm.backend.net.user;

import java.io.IOException;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import org.jspecify.annotations.Nullable;

/** Datagrams between a port of the guest's and one peer. For the network's thread. */
final class UdpFlow extends Flow {
    private final DatagramChannel channel;
    private final @Nullable SocketAddress client; // of a port forward, whose socket serves several
    private final TimerHeap.Timer timer;
    private final long timeout;
    private long lastUsed;

    /**
     * Makes one.
     *
     * @param client where datagrams go; null if the channel is this flow's own, and connected
     * @param over what to do when it has not been used for the time-out
     */
    UdpFlow(UdpStack stack, DatagramChannel channel, @Nullable SocketAddress client, Key key, Runnable over) {
        super(key.guestAddress, key.guestPort, key.peerAddress, key.peerPort);
        this.channel = channel;
        this.client = client;
        timeout = stack.timeout();
        timer = stack.loop().timer(over);
        use(stack.loop().now());
    }

    /** A flow's addresses and ports. */
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

    void send(ByteBuffer datagram) throws IOException {
        if (client == null) channel.write(datagram);
        else channel.send(datagram, client);
    }

    void close() {
        timer.close();
        if (client == null) NetLoop.closeQuietly(channel);
    }
}
