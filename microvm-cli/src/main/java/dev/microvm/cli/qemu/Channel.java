package dev.microvm.cli.qemu;

import java.io.IOException;

/**
 * An open character device: bytes from the host and to it. One user reads; any thread may write and
 * close.
 */
interface Channel extends AutoCloseable {
    /** Who uses a channel; called on a thread of the channel. */
    interface User {
        /** Takes bytes that came, and may wait until there is room for them. */
        void input(byte[] bytes, int length) throws IOException;

        /** A peer has come; so has whatever is there from the beginning. */
        default void connected() throws IOException {}

        /** A peer has gone. */
        default void disconnected() {}
    }

    /** Begins to read; waits for a peer if the command line says so. */
    void start(User user) throws IOException;

    /** Writes; drops the bytes if there is no peer. */
    void write(byte[] bytes, int offset, int length) throws IOException;

    @Override
    void close();

    /** Starts a daemon thread that reads. */
    static void read(String what, Runnable reads) {
        Thread.ofPlatform().daemon().name("microvm-qemu-" + what).start(reads);
    }
}
