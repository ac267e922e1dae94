package dev.microvm.sandbox.agent;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;

/** A connection whose other side says what a test wrote down, and keeps what it is sent. */
final class ScriptedAgent implements ByteChannel {
    private final ByteArrayOutputStream script = new ByteArrayOutputStream();
    private final ByteArrayOutputStream sent = new ByteArrayOutputStream();
    private int position;
    private int piece = Integer.MAX_VALUE;

    ScriptedAgent int32(int value) {
        script.writeBytes(ByteBuffer.allocate(Integer.BYTES)
                .putInt(Integer.reverseBytes(value))
                .array());
        return this;
    }

    ScriptedAgent bytes(byte[] bytes) {
        script.writeBytes(bytes);
        return this;
    }

    ScriptedAgent frame(int type, byte... payload) {
        return int32(payload.length).int32(type).bytes(payload);
    }

    ScriptedAgent inPiecesOf(int bytes) {
        piece = bytes;
        return this;
    }

    byte[] sent() {
        return sent.toByteArray();
    }

    @Override
    public int read(ByteBuffer to) {
        byte[] all = script.toByteArray();
        if (position == all.length) return -1;
        int length = Math.min(Math.min(piece, to.remaining()), all.length - position);
        to.put(all, position, length);
        position += length;
        return length;
    }

    @Override
    public int write(ByteBuffer from) {
        byte[] bytes = new byte[from.remaining()];
        from.get(bytes);
        sent.writeBytes(bytes);
        return bytes.length;
    }

    @Override
    public boolean isOpen() {
        return true;
    }

    @Override
    public void close() {}
}
