package dev.microvm.cli.control;

import java.io.ByteArrayInputStream;
import java.io.DataInputStream;

/**
 * A message between two processes: its length (32 bits), its type (8 bits), its content.
 *
 * @param type one of the constants here
 */
@SuppressWarnings("ArrayRecordComponent") // its one user reads it once
record Message(int type, byte[] content) {
    /** Longest content. */
    static final int LIMIT = 1 << 20;

    // Requests, the first message of a connection.
    static final int INFO = 1;
    static final int DESCRIBE = 2;
    static final int EXEC = 3;
    static final int COPY_IN = 4;
    static final int COPY_OUT = 5;
    static final int LOGS = 6;
    static final int STOP = 7;

    // What follows EXEC, to the machine.
    static final int INPUT = 16;
    static final int INPUT_END = 17;
    static final int SIGNAL = 18;
    static final int RESIZE = 19;

    // Answers.
    static final int OK = 32;
    static final int ERROR = 33;
    static final int STDOUT = 34;
    static final int STDERR = 35;
    static final int EXIT = 36;
    static final int TAKEN = 37; // an INPUT has been read, the next one may come

    /** Returns the content to be read. */
    DataInputStream in() {
        return new DataInputStream(new ByteArrayInputStream(content));
    }
}
