package dev.microvm.linux;

import static dev.microvm.linux.Linking.link;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.microvm.error.MicroVmException;
import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The functions of the C library that microvm calls, each linked by hand with its errno captured.
 *
 * <p>All follow the convention of Linux system calls: a result of 0 or more is success, a negative
 * result is {@code -errno}. {@link #check} turns a negative result into an exception. Any thread
 * may call. Calls that take no string allocate nothing, so hot paths may use them.
 */
public final class Libc {
    private static final StructLayout CAPTURED = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CAPTURED.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    /**
     * Receives errno from the linker; one per thread, because calls of different threads overlap.
     */
    static final ThreadLocal<MemorySegment> STATE =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CAPTURED));

    private static final MethodHandle OPEN = link("open", 2, JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle SOCKET = link("socket", 0, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle CLOSE = link("close", 0, JAVA_INT, JAVA_INT);
    private static final MethodHandle READ = link("read", 0, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    private static final MethodHandle WRITE = link("write", 0, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    private static final MethodHandle IOCTL = link("ioctl", 2, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle IOCTL_POINTER = link("ioctl", 2, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS);
    private static final MethodHandle MMAP =
            link("mmap", 0, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle MUNMAP = link("munmap", 0, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle MREMAP = link("mremap", 4, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle MADVISE = link("madvise", 0, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT);
    private static final MethodHandle GETPAGESIZE = link("getpagesize", 0, JAVA_INT);
    private static final MethodHandle EVENTFD = link("eventfd", 0, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle EPOLL_CREATE1 = link("epoll_create1", 0, JAVA_INT, JAVA_INT);
    private static final MethodHandle EPOLL_CTL = link("epoll_ctl", 0, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
    private static final MethodHandle EPOLL_WAIT =
            link("epoll_wait", 0, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
    private static final MethodHandle POLL = link("poll", 0, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT);
    private static final MethodHandle PREAD = link("pread", 0, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle PWRITE = link("pwrite", 0, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle LSEEK = link("lseek", 0, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle FDATASYNC = link("fdatasync", 0, JAVA_INT, JAVA_INT);
    private static final MethodHandle FALLOCATE =
            link("fallocate", 0, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle FCNTL = link("fcntl", 2, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
    private static final MethodHandle FCNTL_NUMBER = link("fcntl", 2, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle MEMFD_CREATE = link("memfd_create", 0, JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle FTRUNCATE = link("ftruncate", 0, JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle TIMERFD_CREATE = link("timerfd_create", 0, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle TIMERFD_SETTIME =
            link("timerfd_settime", 0, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS);
    private static final MethodHandle SIGACTION = link("sigaction", 0, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS);
    private static final MethodHandle TGKILL = link("tgkill", 0, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle GETTID = link("gettid", 0, JAVA_INT);
    private static final MethodHandle GETPID = link("getpid", 0, JAVA_INT);
    private static final MethodHandle SIGRTMIN = link("__libc_current_sigrtmin", 0, JAVA_INT);

    private Libc() {}

    /**
     * Returns the result of a call. If it is negative, throws an {@link ErrnoException} that names
     * {@code call}.
     */
    public static int check(String call, long result) {
        if (result < 0) throw new ErrnoException(call, (int) -result);
        return (int) result;
    }

    /** open(2). */
    public static int open(String path, int flags) {
        MemorySegment state = STATE.get();
        try (Arena arena = Arena.ofConfined()) {
            return result(state, (int) OPEN.invokeExact(state, arena.allocateFrom(path), flags));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** socket(2). */
    public static int socket(int domain, int type, int protocol) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) SOCKET.invokeExact(state, domain, type, protocol));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** close(2). */
    public static int close(int fd) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) CLOSE.invokeExact(state, fd));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** read(2) into all of {@code buffer}. */
    public static long read(int fd, MemorySegment buffer) {
        MemorySegment state = STATE.get();
        try {
            long n = (long) READ.invokeExact(state, fd, buffer, buffer.byteSize());
            return n < 0 ? -errno(state) : n;
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** write(2) of all of {@code buffer}. */
    public static long write(int fd, MemorySegment buffer) {
        MemorySegment state = STATE.get();
        try {
            long n = (long) WRITE.invokeExact(state, fd, buffer, buffer.byteSize());
            return n < 0 ? -errno(state) : n;
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** ioctl(2) with a number as its argument. May block: KVM_RUN does. */
    public static int ioctl(int fd, long request, long argument) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) IOCTL.invokeExact(state, fd, request, argument));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** ioctl(2) with a pointer as its argument. */
    public static int ioctl(int fd, long request, MemorySegment argument) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) IOCTL_POINTER.invokeExact(state, fd, request, argument));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** mmap(2) at an address that the kernel chooses; returns the address or {@code -errno}. */
    static long mmap(long size, int protection, int flags, int fd, long offset) {
        return mmap(0, size, protection, flags, fd, offset);
    }

    /** mmap(2) at {@code at}, as {@code flags} say; returns the address or {@code -errno}. */
    static long mmap(long at, long size, int protection, int flags, int fd, long offset) {
        MemorySegment state = STATE.get();
        try {
            long address = (long) MMAP.invokeExact(state, at, size, protection, flags, fd, offset);
            return address == -1 ? -errno(state) : address;
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** munmap(2). */
    static int munmap(long address, long size) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) MUNMAP.invokeExact(state, address, size));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** mremap(2) to an address that the kernel chooses; returns the address or {@code -errno}. */
    static long mremap(long address, long oldSize, long newSize, int flags) {
        MemorySegment state = STATE.get();
        try {
            long moved = (long) MREMAP.invokeExact(state, address, oldSize, newSize, flags);
            return moved == -1 ? -errno(state) : moved;
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /**
     * madvise(2) for {@code length} bytes of {@code memory}, starting at its byte {@code offset}.
     */
    static int madvise(MemorySegment memory, long offset, long length, int advice) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) MADVISE.invokeExact(state, memory.asSlice(offset, length), length, advice));
        } catch (RuntimeException e) { // the memory: too short, closed, or in the heap
            throw e;
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** getpagesize(2), in bytes. */
    static int getpagesize() {
        try {
            return (int) GETPAGESIZE.invokeExact(STATE.get());
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** eventfd(2). */
    static int eventfd(int value, int flags) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) EVENTFD.invokeExact(state, value, flags));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** epoll_create1(2). */
    static int epollCreate(int flags) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) EPOLL_CREATE1.invokeExact(state, flags));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** epoll_ctl(2). */
    static int epollCtl(int epoll, int operation, int fd, MemorySegment event) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) EPOLL_CTL.invokeExact(state, epoll, operation, fd, event));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** epoll_wait(2) without a time limit. */
    static int epollWait(int epoll, MemorySegment events, int maximum) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) EPOLL_WAIT.invokeExact(state, epoll, events, maximum, -1));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** poll(2) without a time limit. */
    static int poll(MemorySegment descriptors, int count) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) POLL.invokeExact(state, descriptors, (long) count, -1));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /**
     * pread(2) of {@code length} bytes at {@code position} into {@code buffer}, starting at its
     * byte {@code offset}.
     */
    public static long pread(int fd, MemorySegment buffer, long offset, long length, long position) {
        MemorySegment state = STATE.get();
        try {
            long n = (long) PREAD.invokeExact(state, fd, buffer.asSlice(offset, length), length, position);
            return n < 0 ? -errno(state) : n;
        } catch (RuntimeException e) { // the buffer: too short, closed, or in the heap
            throw e;
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /**
     * pwrite(2) of {@code length} bytes of {@code buffer}, starting at its byte {@code offset}, at
     * {@code position}.
     */
    public static long pwrite(int fd, MemorySegment buffer, long offset, long length, long position) {
        MemorySegment state = STATE.get();
        try {
            long n = (long) PWRITE.invokeExact(state, fd, buffer.asSlice(offset, length), length, position);
            return n < 0 ? -errno(state) : n;
        } catch (RuntimeException e) { // the buffer: too short, closed, or in the heap
            throw e;
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** lseek(2). */
    public static long lseek(int fd, long offset, int whence) {
        MemorySegment state = STATE.get();
        try {
            long position = (long) LSEEK.invokeExact(state, fd, offset, whence);
            return position < 0 ? -errno(state) : position;
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** fdatasync(2). May block for a long time. */
    public static int fdatasync(int fd) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) FDATASYNC.invokeExact(state, fd));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** fallocate(2). */
    public static int fallocate(int fd, int mode, long offset, long length) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) FALLOCATE.invokeExact(state, fd, mode, offset, length));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** fcntl(2) with a pointer as its argument. */
    static int fcntl(int fd, int command, MemorySegment argument) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) FCNTL.invokeExact(state, fd, command, argument));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** fcntl(2) with a number as its argument. */
    public static int fcntl(int fd, int command, int argument) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) FCNTL_NUMBER.invokeExact(state, fd, command, argument));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** memfd_create(2). */
    static int memfdCreate(String name, int flags) {
        MemorySegment state = STATE.get();
        try (Arena arena = Arena.ofConfined()) {
            return result(state, (int) MEMFD_CREATE.invokeExact(state, arena.allocateFrom(name), flags));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** ftruncate(2). */
    public static int ftruncate(int fd, long size) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) FTRUNCATE.invokeExact(state, fd, size));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** timerfd_create(2). */
    static int timerfdCreate(int clock, int flags) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) TIMERFD_CREATE.invokeExact(state, clock, flags));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** timerfd_settime(2) that does not return the old value. */
    static int timerfdSettime(int fd, int flags, MemorySegment time) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) TIMERFD_SETTIME.invokeExact(state, fd, flags, time, MemorySegment.NULL));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** sigaction(2). */
    static int sigaction(int signal, MemorySegment action, MemorySegment old) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) SIGACTION.invokeExact(state, signal, action, old));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** tgkill(2). */
    static int tgkill(int process, int thread, int signal) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) TGKILL.invokeExact(state, process, thread, signal));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** gettid(2). */
    static int gettid() {
        try {
            return (int) GETTID.invokeExact(STATE.get());
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** getpid(2). */
    static int getpid() {
        try {
            return (int) GETPID.invokeExact(STATE.get());
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** SIGRTMIN: the first real-time signal that the C library leaves to programs. */
    static int sigrtmin() {
        try {
            return (int) SIGRTMIN.invokeExact(STATE.get());
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    static int result(MemorySegment state, int result) {
        return result < 0 ? -errno(state) : result;
    }

    static int errno(MemorySegment state) {
        return (int) ERRNO.get(state, 0L);
    }

    /**
     * Reports what a linked function threw: that it could not be linked, or that its handle has
     * other types. Nothing that a guest does can cause either.
     */
    static AssertionError linkage(Throwable t) {
        if (t instanceof MicroVmException notLinked) throw notLinked;
        return new AssertionError("call of a linked function", t);
    }
}
