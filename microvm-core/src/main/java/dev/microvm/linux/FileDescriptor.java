package dev.microvm.linux;

/**
 * Owns one file descriptor and closes it once.
 *
 * <p>Any thread may call {@link #close}. Before calling it, the caller must make sure that no
 * thread uses the number any more.
 */
public final class FileDescriptor implements AutoCloseable {
    /** Flags of open(2): include/uapi/asm-generic/fcntl.h. */
    private static final int O_RDONLY = 0x0;

    private static final int O_RDWR = 0x2;

    private static final int O_CLOEXEC = 0x80000;

    private final int fd;
    private boolean closed;

    /** Takes ownership of {@code fd}. */
    public FileDescriptor(int fd) {
        this.fd = fd;
    }

    /** Opens a file or device for reading and writing; throws {@link ErrnoException}. */
    public static FileDescriptor openReadWrite(String path) {
        return new FileDescriptor(Libc.check("open(" + path + ")", Libc.open(path, O_RDWR | O_CLOEXEC)));
    }

    /** Opens a file for reading; throws {@link ErrnoException}. */
    public static FileDescriptor openRead(String path) {
        return new FileDescriptor(Libc.check("open(" + path + ")", Libc.open(path, O_RDONLY | O_CLOEXEC)));
    }

    /** Returns the number of the descriptor. */
    public int value() {
        return fd;
    }

    @Override
    public synchronized void close() {
        if (closed) return;
        closed = true;
        int result = Libc.close(fd); // the descriptor is gone even when this reports an error: close(2)
        if (result == -Errno.EBADF)
            throw new IllegalStateException(
                    "file descriptor " + fd + " was closed by other code: only its owner may close it");
    }
}
