package dev.microvm.sandbox.agent;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.Objects;

/** The bytes of frames as streams, each for one thread. */
public final class DataStreams {
    private DataStreams() {}

    /** Returns a stream of the agent's data up to its frame END. It does not close the channel. */
    public static InputStream input(AgentChannel channel) {
        return new Input(channel);
    }

    /** Returns a stream of data to the agent, whose end {@code close} tells. It does not close the channel. */
    public static OutputStream output(AgentChannel channel) {
        return new Output(channel);
    }

    private static final class Input extends InputStream {
        private final AgentChannel channel;
        private ByteBuffer rest = ByteBuffer.allocate(0);
        private boolean ended;

        private Input(AgentChannel channel) {
            this.channel = channel;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            Objects.checkFromIndexSize(offset, length, bytes.length);
            while (!rest.hasRemaining() && !ended) next();
            if (!rest.hasRemaining()) return -1;
            int taken = Math.min(length, rest.remaining());
            rest.get(bytes, offset, taken);
            return taken;
        }

        private void next() throws IOException {
            Frame frame = channel.require();
            if (frame.type() == Wire.END) ended = true;
            else if (frame.type() == Wire.DATA) rest = frame.payload();
            else throw new AgentProtocolException("a frame of type " + frame.type());
        }
    }

    private static final class Output extends OutputStream {
        private final AgentChannel channel;
        private boolean closed;

        private Output(AgentChannel channel) {
            this.channel = channel;
        }

        @Override
        public void write(int value) throws IOException {
            write(new byte[] {(byte) value});
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            Objects.checkFromIndexSize(offset, length, bytes.length);
            for (int at = 0; at < length; at += Wire.MAX_DATA) {
                int piece = Math.min(length - at, Wire.MAX_DATA);
                channel.send(Payload.of(Wire.DATA_IN).bytes(ByteBuffer.wrap(bytes, offset + at, piece)));
            }
        }

        @Override
        public void close() throws IOException {
            if (closed) return;
            closed = true;
            channel.send(Payload.of(Wire.DATA_IN));
        }
    }
}
