package dev.microvm.sandbox.agent;

/** Numbers of the agent's protocol, as {@code src/main/guest/agent/agent.h} has them. */
public final class Wire {
    /** The version of the protocol, which a ping returns. */
    public static final int PROTOCOL = 2;

    /** The agent's port of the socket device. */
    public static final int PORT = 1024;

    /** Bytes of a frame before its payload: the payload's length and the frame's type. */
    public static final int HEADER = 8;

    /** Maximum length of a payload, except of the request that begins a connection. */
    public static final int MAX_DATA = 1 << 16;

    /** Maximum length of a request. */
    public static final int MAX_REQUEST = 1 << 20;

    /** Bytes of a stream that may be on their way without credit of the receiver. */
    public static final int WINDOW = 3 << 16;

    // Requests.
    public static final int PING = 1;
    public static final int EXEC = 2;
    public static final int OPEN = 3;
    public static final int PATH = 4;
    public static final int LIST = 5;
    public static final int TAR_OUT = 6;
    public static final int TAR_IN = 7;
    public static final int WATCH = 8;
    public static final int FORWARD = 9;
    public static final int SYSTEM = 10;

    // Frames to the agent.
    public static final int DATA_IN = 32;
    public static final int SIGNAL = 33;
    public static final int KILL_TREE = 34;
    public static final int RESIZE = 35;
    public static final int GRANT = 36;
    public static final int READ = 37;
    public static final int WRITE = 38;
    public static final int TRUNCATE = 39;
    public static final int STAT = 40;
    public static final int SYNC = 41;

    // Frames from the agent.
    public static final int OK = 64;
    public static final int ERROR = 65;
    public static final int STDOUT = 66;
    public static final int STDERR = 67;
    public static final int EXIT = 68;
    public static final int CREDIT = 69;
    public static final int STDIN_CLOSED = 70;
    public static final int DATA = 71;
    public static final int END = 72;

    // Flags of EXEC.
    public static final int TERMINAL = 1;
    public static final int END_TREE = 2;

    /** EXIT has the command's figures, for which it needs a control group of its own. */
    public static final int FIGURES = 4;

    /** The standard input is empty, and nobody waits for OK, which comes with the first output or the end. */
    public static final int NO_INPUT = 8;

    /** The command runs on if the connection ends. */
    public static final int DETACHED = 16;

    // Flags of EXIT.
    public static final int TIMED_OUT = 1;
    public static final int CPU_LIMIT = 2;
    public static final int PROCESS_LIMIT = 4;
    public static final int SIGNALED = 8;

    /** The connection can take another request. */
    public static final int CONTINUES = 16;

    private Wire() {}
}
