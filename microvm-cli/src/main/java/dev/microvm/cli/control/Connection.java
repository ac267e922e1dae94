package dev.microvm.cli.control;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/** One end of a connection. One thread receives; any thread may send and close. */
final class Connection implements AutoCloseable {
    /** Writes the content of a message. */
    @FunctionalInterface
    interface Content {
        void write(DataOutputStream to) throws IOException;
    }

    private final SocketChannel channel;
    private final DataInputStream in;
    private final DataOutputStream out;

    Connection(SocketChannel channel) {
        this.channel = channel;
        in = new DataInputStream(Channels.newInputStream(channel));
        out = new DataOutputStream(new BufferedOutputStream(Channels.newOutputStream(channel)));
    }

    /** Waits for a message; null at the end of the connection. */
    @Nullable
    Message receive() throws IOException {
        int length;
        try {
            length = in.readInt();
        } catch (EOFException e) {
            return null;
        }
        if (length < 0 || length > Message.LIMIT) throw new IOException("a message of " + length + " bytes");
        int type = in.readUnsignedByte();
        return new Message(type, in.readNBytes(length));
    }

    synchronized void send(int type, byte[] content, int offset, int length) throws IOException {
        out.writeInt(length);
        out.writeByte(type);
        out.write(content, offset, length);
        out.flush();
    }

    void send(int type, Content content) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        content.write(new DataOutputStream(bytes));
        send(type, bytes.toByteArray(), 0, bytes.size());
    }

    void send(int type) throws IOException {
        send(type, new byte[0], 0, 0);
    }

    /** Returns a stream whose writes are messages of a type. */
    OutputStream stream(int type) {
        return new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                send(type, new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                for (int done = 0; done < length; done += Message.LIMIT) {
                    send(type, bytes, offset + done, Math.min(length - done, Message.LIMIT));
                }
            }
        };
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            // It is closed as far as this process is concerned.
        }
    }
}
