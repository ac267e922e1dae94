package dev.microvm.sandbox.agent;

import java.io.IOException;
import java.nio.channels.ByteChannel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Connections with the agent. After a {@linkplain AgentChannel#complete complete} exchange a
 * connection stays for the next one, so that the guest needs no new process for it. Any thread may
 * call.
 */
public final class ChannelPool implements Dialer {
    /** Connections that wait at most; each has a small process in the guest. */
    static final int MOST_IDLE = 8;

    private static final Duration ANSWER = Duration.ofSeconds(30); // the guest's driver is there

    /** Makes connections. */
    @FunctionalInterface
    public interface Opener {
        /** Makes one, or fails when the time is over. */
        ByteChannel open(Duration timeout) throws IOException;
    }

    private final Opener opener;
    private final Deque<ByteChannel> idle = new ArrayDeque<>(); // guarded by this; the last used first

    /** @param opener of connections to the agent */
    public ChannelPool(Opener opener) {
        this.opener = opener;
    }

    @Override
    public AgentChannel dial() throws IOException {
        return dial(ANSWER);
    }

    /** Makes a connection, or fails when the time is over. */
    public AgentChannel dial(Duration timeout) throws IOException {
        return adopt(opener.open(timeout));
    }

    private AgentChannel adopt(ByteChannel connection) {
        return new AgentChannel(connection, this);
    }

    @Override
    public AgentChannel request(Payload request) throws IOException {
        for (ByteChannel each = take(); each != null; each = take()) {
            AgentChannel channel = adopt(each);
            try {
                channel.send(request);
                return channel;
            } catch (IOException e) { // the guest has ended it meanwhile
                channel.close();
            }
        }
        return Dialer.super.request(request);
    }

    private synchronized @Nullable ByteChannel take() {
        return idle.pollFirst();
    }

    /** Keeps a connection, or closes it if enough wait. */
    void leave(ByteChannel connection) throws IOException {
        synchronized (this) {
            if (idle.size() < MOST_IDLE) {
                idle.addFirst(connection);
                return;
            }
        }
        connection.close();
    }
}
