package dev.microvm.sandbox.agent;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * A command that runs in the guest: its connection, and what the agent may send there. {@link #run}
 * is for one thread; any thread may call the other methods.
 */
public final class ExecLink implements AutoCloseable {
    /** The number of the standard output in a grant; that of the standard error is 1. */
    public static final int STDOUT = 0;

    public static final int STDERR = 1;

    private static final int EXIT_BYTES = 32;
    private static final int LAST_CODE = 255; // of an exit status, and more than any signal

    private final AgentChannel channel;
    private volatile long pid;
    private boolean started;
    private final StdinStream stdin = new StdinStream(this);
    private final AtomicIntegerArray credit = new AtomicIntegerArray(new int[] {Wire.WINDOW, Wire.WINDOW});

    private ExecLink(AgentChannel channel) {
        this.channel = channel;
    }

    /** Asks for a command, and does not wait: {@link #run} tells whether it could be started. */
    public static ExecLink ask(Dialer dialer, Payload request) throws IOException {
        return new ExecLink(dialer.request(request));
    }

    /**
     * Starts a command and waits until it runs.
     *
     * @throws AgentErrorException if it cannot be started
     */
    public static ExecLink start(Dialer dialer, Payload request) throws IOException {
        ExecLink link = ask(dialer, request);
        try {
            link.pid = link.channel.number();
            link.started = true;
            return link;
        } catch (IOException | RuntimeException e) {
            link.close();
            throw e;
        }
    }

    /** Returns the command's process ID in the guest; 0 until that is known. */
    public long pid() {
        return pid;
    }

    /** Returns the stream to the command's standard input. */
    public StdinStream stdin() {
        return stdin;
    }

    /**
     * Passes the outputs on until the command has ended.
     *
     * @throws AgentErrorException if it cannot be started
     * @throws IOException if the connection ends before the command, or a sink throws it
     */
    public CommandEnd run(Sink stdout, Sink stderr) throws IOException {
        try {
            while (true) {
                Frame frame = channel.read();
                if (frame == null) throw new EOFException("the agent ended the connection before the command");
                ByteBuffer payload = frame.payload();
                if (!started) {
                    begin(frame);
                    continue;
                }
                switch (frame.type()) {
                    case Wire.STDOUT -> take(STDOUT, stdout, payload);
                    case Wire.STDERR -> take(STDERR, stderr, payload);
                    case Wire.CREDIT -> stdin.grant(number(payload));
                    case Wire.STDIN_CLOSED -> stdin.broken("Broken pipe: the command does not read");
                    case Wire.EXIT -> {
                        CommandEnd end = end(payload);
                        if (end.has(Wire.CONTINUES)) channel.complete();
                        return end;
                    }
                    default -> throw new AgentProtocolException("a frame of type " + frame.type());
                }
            }
        } finally {
            stdin.broken("Broken pipe: the command has ended");
            stdout.end();
            stderr.end();
        }
    }

    private void begin(Frame frame) throws IOException {
        if (frame.type() == Wire.ERROR) throw AgentChannel.error(frame.payload());
        if (frame.type() != Wire.OK || frame.payload().remaining() < Long.BYTES) {
            throw new AgentProtocolException("a frame of type %d before the command runs".formatted(frame.type()));
        }
        pid = frame.payload().getLong();
        started = true;
    }

    private void take(int stream, Sink sink, ByteBuffer payload) throws IOException {
        int length = payload.remaining();
        if (length == 0) {
            sink.end();
            return;
        }
        if (credit.addAndGet(stream, -length) < 0) {
            throw new AgentProtocolException("more output than it has credit for");
        }
        sink.accept(payload);
    }

    /** Lets the agent send more of an output. */
    public void grant(int stream, int bytes) {
        credit.addAndGet(stream, bytes);
        tell(Payload.of(Wire.GRANT).int32(stream).int32(bytes));
    }

    /** Sends a signal to the command's process. */
    public void signal(int number) {
        tell(Payload.of(Wire.SIGNAL).int32(number));
    }

    /** Kills the command and all that it started. */
    public void killTree() {
        tell(Payload.of(Wire.KILL_TREE).int32(0));
    }

    /** Changes the size of the command's terminal. */
    public void resize(int columns, int rows) {
        tell(Payload.of(Wire.RESIZE).int32(columns).int32(rows));
    }

    /** An agent whose command has just ended reads no more; {@link #run} finds out how it ended. */
    private void tell(Payload message) {
        try {
            channel.send(message);
        } catch (IOException e) {
            stdin.broken("Broken pipe: " + e.getMessage());
        }
    }

    void endInput() {
        tell(Payload.of(Wire.DATA_IN));
    }

    void sendInput(ByteBuffer bytes) throws IOException {
        channel.send(Payload.of(Wire.DATA_IN).bytes(bytes));
    }

    private static int number(ByteBuffer payload) throws AgentProtocolException {
        if (payload.remaining() < Integer.BYTES) throw new AgentProtocolException("a frame without its number");
        return payload.getInt();
    }

    private static CommandEnd end(ByteBuffer payload) throws AgentProtocolException {
        if (payload.remaining() < EXIT_BYTES) throw new AgentProtocolException("an end without its figures");
        int flags = payload.getInt();
        int code = payload.getInt();
        if (code < 0 || code > LAST_CODE) throw new AgentProtocolException("an exit code of " + code);
        long cpuMicros = Math.clamp(payload.getLong(), 0, Long.MAX_VALUE / 1000);
        return new CommandEnd(flags, code, cpuMicros, Math.max(0, payload.getLong()), Math.max(0, payload.getInt()));
    }

    /** Closes the connection if the end is late: {@link AgentChannel#closeIf}. */
    public void closeIf(boolean late) {
        channel.closeIf(late);
    }

    /** Ends the exchange, which kills the command and all that it started if it still runs. */
    @Override
    public void close() throws IOException {
        channel.close();
    }
}
