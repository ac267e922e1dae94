package dev.microvm.cli.control;

import dev.microvm.cli.CliException;
import dev.microvm.cli.attach.Attached;
import dev.microvm.cli.attach.CommandRequest;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A command in a guest of another process. */
final class RemoteCommand implements Attached, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(RemoteCommand.class);

    private final Connection connection;
    private final Semaphore room = new Semaphore(1); // one piece of input is on its way at a time
    private volatile boolean ended;

    private RemoteCommand(Connection connection) {
        this.connection = connection;
    }

    /** Starts it. */
    static RemoteCommand start(String machine, CommandRequest request) throws IOException {
        Connection connection = Machines.connect(machine);
        try {
            connection.send(Message.EXEC, request::write);
            Machines.expectOk(connection);
            return new RemoteCommand(connection);
        } catch (IOException | RuntimeException e) {
            connection.close();
            throw e;
        }
    }

    @Override
    public int await(OutputStream out, OutputStream err) throws IOException {
        try {
            while (true) {
                Message next = connection.receive();
                if (next == null) throw new CliException("the machine has ended, and the command with it", "");
                switch (next.type()) {
                    case Message.STDOUT -> out.write(next.content());
                    case Message.STDERR -> err.write(next.content());
                    case Message.TAKEN -> room.release();
                    case Message.EXIT -> {
                        try (DataInputStream in = next.in()) {
                            return in.readInt();
                        }
                    }
                    default -> Machines.requireOk(next);
                }
            }
        } finally {
            ended = true;
            room.release();
        }
    }

    @Override
    public void input(byte[] bytes, int length) throws IOException {
        room.acquireUninterruptibly();
        if (ended) throw new IOException("the command has ended");
        connection.send(Message.INPUT, bytes, 0, length);
    }

    @Override
    public void endInput() {
        tell(Message.INPUT_END, to -> {});
    }

    @Override
    public void signal(int number) {
        tell(Message.SIGNAL, to -> to.writeInt(number));
    }

    @Override
    public void resize(int columns, int rows) {
        tell(Message.RESIZE, to -> {
            to.writeInt(columns);
            to.writeInt(rows);
        });
    }

    private void tell(int type, Connection.Content content) {
        try {
            connection.send(type, content);
        } catch (IOException e) {
            log.debug("the command has ended: {}", e.toString());
        }
    }

    @Override
    public void close() {
        connection.close();
    }
}
