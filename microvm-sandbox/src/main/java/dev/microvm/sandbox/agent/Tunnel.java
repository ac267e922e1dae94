package dev.microvm.sandbox.agent;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.SocketChannel;

/** Bytes between a socket of the host and a port of the guest, until both directions have ended. */
public final class Tunnel {
    private static final int BUFFER = 1 << 16; // bytes

    private final AgentChannel agent;
    private final SocketChannel socket;

    private Tunnel(AgentChannel agent, SocketChannel socket) {
        this.agent = agent;
        this.socket = socket;
    }

    /**
     * Connects to a port of the guest's loopback.
     *
     * @throws AgentErrorException if no program listens there
     */
    public static AgentChannel connect(Dialer dialer, int port) throws IOException {
        AgentChannel channel = dialer.request(Payload.of(Wire.FORWARD).int32(port));
        try {
            channel.number();
            return channel;
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /** Carries all bytes, and then closes both. */
    public static void carry(AgentChannel agent, SocketChannel socket) throws IOException {
        try (agent;
                socket) {
            new Tunnel(agent, socket).carry();
        }
    }

    private void carry() throws IOException {
        Thread back = Thread.ofVirtual().name("microvm-forward").start(this::backward);
        copy(socket, agent.channel(), ByteBuffer.allocate(BUFFER));
        agent.shutdownOutput();
        try {
            back.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void backward() {
        try {
            ByteBuffer early = agent.remaining();
            while (early.hasRemaining()) socket.write(early);
            copy(agent.channel(), socket, ByteBuffer.allocate(BUFFER));
            socket.shutdownOutput();
        } catch (IOException e) {
            closeBoth(); // which ends the other direction
        }
    }

    private void closeBoth() {
        try (agent) {
            socket.close();
        } catch (IOException e) {
            return; // it is closed all the same
        }
    }

    private static void copy(ByteChannel from, ByteChannel to, ByteBuffer buffer) throws IOException {
        while (from.read(buffer.clear()) >= 0) {
            buffer.flip();
            while (buffer.hasRemaining()) to.write(buffer);
        }
    }
}
