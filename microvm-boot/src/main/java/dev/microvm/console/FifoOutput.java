package dev.microvm.console;

import dev.microvm.linux.Errno;
import dev.microvm.linux.ErrnoException;
import dev.microvm.linux.FileDescriptor;
import dev.microvm.linux.Libc;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Writes to a FIFO of a Linux host, fifo(7), without waiting for a reader. While nobody reads,
 * output is dropped, as on a serial line with nothing attached; a reader that comes receives what
 * follows. A reader that is slow is waited for. For one thread, which an interrupt frees.
 */
final class FifoOutput extends OutputStream {
    /** Flags of open(2): include/uapi/asm-generic/fcntl.h. */
    private static final int O_WRONLY = 0x1;

    private static final int O_NONBLOCK = 0x800;
    private static final int O_CLOEXEC = 0x80000;

    private static final int S_IFMT = 0xf000; // type of a file in st_mode: inode(7)
    private static final int S_IFIFO = 0x1000;

    private static final int EPIPE = 32; // include/uapi/asm-generic/errno-base.h

    private static final long RETRY_NANOS = 5_000_000; // while the pipe is full

    private final Path path;
    private @Nullable FileDescriptor fifo; // while somebody reads

    /** Describes the output; the FIFO is opened when there is something to write. */
    FifoOutput(Path path) {
        this.path = path;
    }

    /** Returns whether there is a FIFO at the path. */
    static boolean isFifo(Path path) {
        try {
            return Files.getAttribute(path, "unix:mode") instanceof Integer mode && (mode & S_IFMT) == S_IFIFO;
        } catch (IOException | UnsupportedOperationException e) {
            return false; // nothing is there, or this host has no FIFOs
        }
    }

    @Override
    public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        FileDescriptor to = reader();
        if (to == null) return;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment rest = arena.allocate(length);
            MemorySegment.copy(bytes, offset, rest, ValueLayout.JAVA_BYTE, 0, length);
            while (rest.byteSize() > 0) {
                long written = Libc.write(to.value(), rest);
                if (written >= 0) {
                    rest = rest.asSlice(written);
                } else if (written == -Errno.EAGAIN) {
                    awaitRoom();
                } else if (written == -EPIPE) {
                    close(); // the reader has gone; the next write looks for another
                    return;
                } else if (written != -Errno.EINTR) {
                    throw failed("write", written);
                }
            }
        }
    }

    /** Returns the open FIFO; null while nobody reads it. */
    private @Nullable FileDescriptor reader() throws IOException {
        if (fifo != null) return fifo;
        int opened = Libc.open(path.toString(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (opened == -Errno.ENXIO) return null; // no reader: open(2)
        if (opened < 0) throw failed("open", opened);
        fifo = new FileDescriptor(opened);
        return fifo;
    }

    private static void awaitRoom() throws InterruptedIOException {
        LockSupport.parkNanos(RETRY_NANOS);
        if (Thread.currentThread().isInterrupted()) {
            throw new InterruptedIOException("the reader of the FIFO is behind, and the machine closes");
        }
    }

    private IOException failed(String call, long result) {
        ErrnoException cause = new ErrnoException(call + "(" + path + ")", (int) -result);
        return new IOException(cause.getMessage(), cause);
    }

    @Override
    public void close() {
        FileDescriptor open = fifo;
        fifo = null;
        if (open != null) open.close();
    }
}
