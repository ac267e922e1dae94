package dev.microvm.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.microvm.error.MicroVmException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Interrupts a blocking system call of a thread by a signal whose handler does nothing.
 *
 * <p>The handler must be native code that may run at any point of the thread. microvm ships no
 * native code, so the handler is {@code abs} of the C library: it takes an {@code int}, as a
 * handler does, and has no effect. The signal is the first real-time signal without a handler, so
 * it is never one of the JVM's. The handler is installed once per process.
 */
public final class ThreadKick {
    // struct sigaction of glibc on x86-64 and arm64: bits/sigaction.h
    private static final long SIGACTION_SIZE = 152;
    private static final long SA_HANDLER = 0; // pointer
    private static final long SA_FLAGS = 136; // int, after the handler and 128 bytes of mask
    private static final int SA_RESTART = 0x1000_0000; // other system calls continue after the signal

    /** SIGRTMAX of Linux: include/uapi/asm/signal.h. The JDK's own I/O uses SIGRTMAX - 2. */
    private static final int LAST_SIGNAL = 64 - 3;

    private static final int NO_SIGNAL = 0;
    private static final int SIGNAL = install();
    private static final int PROCESS = Libc.getpid();

    private ThreadKick() {}

    /**
     * Makes sure that threads can be kicked; call this before the first thread blocks.
     *
     * @throws MicroVmException if no signal is left for that
     */
    public static void prepare() {
        if (SIGNAL == NO_SIGNAL) {
            throw new MicroVmException(
                    "all real-time signals of this process have handlers: leave one free to interrupt vCPUs");
        }
    }

    /**
     * Returns the number of the calling thread, for {@link #kick}. It is valid until the thread
     * ends.
     */
    public static int currentThread() {
        return Libc.gettid();
    }

    /**
     * Interrupts a thread of this process; the caller must make sure that the thread has not ended.
     */
    public static void kick(int thread) {
        Libc.check("tgkill", Libc.tgkill(PROCESS, thread, SIGNAL));
    }

    private static int install() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment action = arena.allocate(SIGACTION_SIZE, Long.BYTES);
            action.set(JAVA_LONG, SA_HANDLER, Linking.function("abs").address());
            action.set(JAVA_INT, SA_FLAGS, SA_RESTART);
            MemorySegment old = arena.allocate(SIGACTION_SIZE, Long.BYTES);
            for (int signal = Libc.sigrtmin(); signal <= LAST_SIGNAL; signal++) {
                boolean free =
                        Libc.sigaction(signal, MemorySegment.NULL, old) >= 0 && old.get(JAVA_LONG, SA_HANDLER) == 0;
                if (free && Libc.sigaction(signal, action, MemorySegment.NULL) >= 0) return signal;
            }
        }
        return NO_SIGNAL;
    }
}
