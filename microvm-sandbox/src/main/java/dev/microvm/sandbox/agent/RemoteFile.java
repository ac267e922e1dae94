package dev.microvm.sandbox.agent;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A file that the agent has open. One thread uses it at a time. */
public final class RemoteFile implements Closeable {
    // Flags of open(2), include/uapi/asm-generic/fcntl.h.
    public static final int O_RDONLY = 0;
    public static final int O_WRONLY = 1;
    public static final int O_RDWR = 2;
    public static final int O_CREAT = 0100;
    public static final int O_EXCL = 0200;
    public static final int O_TRUNC = 01000;
    public static final int O_APPEND = 02000;
    public static final int O_NONBLOCK = 04000;
    public static final int O_SYNC = 04010000;
    public static final int O_NOFOLLOW = 0400000;

    private final AgentChannel channel;

    RemoteFile(AgentChannel channel) {
        this.channel = channel;
    }

    /** Reads at a position; returns the number of bytes, -1 at the end of the file. */
    public int read(long position, ByteBuffer to) throws IOException {
        int wanted = Math.min(to.remaining(), Wire.MAX_DATA);
        if (wanted == 0) return 0;
        channel.send(Payload.of(Wire.READ).int64(position).int64(wanted));
        ByteBuffer bytes = channel.expect(Wire.DATA);
        int length = bytes.remaining();
        if (length > wanted) throw new AgentProtocolException("more bytes than were asked for");
        to.put(bytes);
        return length == 0 ? -1 : length;
    }

    /** Writes all bytes at a position, or at the end of a file that was opened to append. */
    public void write(long position, ByteBuffer from) throws IOException {
        long at = position;
        while (from.hasRemaining()) {
            int length = Math.min(from.remaining(), Wire.MAX_DATA);
            channel.send(Payload.of(Wire.WRITE).int64(at).bytes(from.slice(from.position(), length)));
            long written = channel.number();
            if (written < 1 || written > length) throw new AgentProtocolException("a number of bytes written");
            from.position(from.position() + (int) written);
            at += written;
        }
    }

    /** Sets the size. */
    public void truncate(long size) throws IOException {
        channel.send(Payload.of(Wire.TRUNCATE).int64(size));
        channel.number();
    }

    /** Returns what the file is now. */
    public FileStat stat() throws IOException {
        channel.send(Payload.of(Wire.STAT).int64(0));
        return FileStat.read(channel.expect(Wire.DATA));
    }

    /** Closes the file in the guest. */
    @Override
    public void close() throws IOException {
        channel.close();
    }
}
