package dev.microvm.sandbox.files;

import dev.microvm.sandbox.agent.RemoteFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NonReadableChannelException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;

/** An open file of a guest. One thread uses it at a time; others wait. */
final class GuestFileChannel implements SeekableByteChannel {
    private final RemoteFile file;
    private final boolean readable;
    private final boolean writable;
    private final boolean appends;

    // Guarded by this.
    private long position;
    private boolean closed;

    GuestFileChannel(RemoteFile file, int flags) {
        this.file = file;
        int access = flags & (RemoteFile.O_WRONLY | RemoteFile.O_RDWR);
        readable = access != RemoteFile.O_WRONLY;
        writable = access != RemoteFile.O_RDONLY;
        appends = (flags & RemoteFile.O_APPEND) != 0;
    }

    private void requireOpen() throws ClosedChannelException {
        if (closed) throw new ClosedChannelException();
    }

    @Override
    public synchronized int read(ByteBuffer to) throws IOException {
        requireOpen();
        if (!readable) throw new NonReadableChannelException();
        int length = file.read(position, to);
        if (length > 0) position += length;
        return length;
    }

    @Override
    public synchronized int write(ByteBuffer from) throws IOException {
        requireOpen();
        if (!writable) throw new NonWritableChannelException();
        int length = from.remaining();
        file.write(position, from);
        position = appends ? size() : position + length;
        return length;
    }

    @Override
    public synchronized long position() throws IOException {
        requireOpen();
        return position;
    }

    @Override
    public synchronized SeekableByteChannel position(long value) throws IOException {
        requireOpen();
        if (value < 0) throw new IllegalArgumentException("position: 0 or more, was " + value);
        position = value;
        return this;
    }

    @Override
    public synchronized long size() throws IOException {
        requireOpen();
        return file.stat().size();
    }

    @Override
    public synchronized SeekableByteChannel truncate(long size) throws IOException {
        requireOpen();
        if (size < 0) throw new IllegalArgumentException("size: 0 or more, was " + size);
        if (!writable) throw new NonWritableChannelException();
        if (size < size()) file.truncate(size);
        position = Math.min(position, size);
        return this;
    }

    @Override
    public synchronized boolean isOpen() {
        return !closed;
    }

    @Override
    public synchronized void close() throws IOException {
        if (closed) return;
        closed = true;
        file.close();
    }
}
