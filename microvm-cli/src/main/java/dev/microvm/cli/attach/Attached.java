package dev.microvm.cli.attach;

import java.io.IOException;
import java.io.OutputStream;

/** A command that runs in a guest, of this process or of another one. Any thread may call. */
public interface Attached {
    /**
     * Passes the outputs on until the command has ended, on the calling thread.
     *
     * @param out receives the standard output
     * @param err receives the standard error
     * @return what a shell would see: its exit code, 128 plus a signal's number, or {@link
     *     dev.microvm.cli.ExitCode#TIMED_OUT}
     * @throws IOException if the command cannot be heard of any more
     */
    int await(OutputStream out, OutputStream err) throws IOException;

    /**
     * Writes to the standard input; waits while the command does not read.
     *
     * @throws IOException if it will read no more
     */
    void input(byte[] bytes, int length) throws IOException;

    /** Ends the standard input. */
    void endInput() throws IOException;

    /** Sends a signal. */
    void signal(int number);

    /** Changes the size of its terminal. */
    void resize(int columns, int rows);
}
