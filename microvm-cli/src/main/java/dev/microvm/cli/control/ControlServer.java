package dev.microvm.cli.control;

import dev.microvm.cli.CliException;
import dev.microvm.cli.ExitCode;
import dev.microvm.cli.attach.Attached;
import dev.microvm.cli.attach.CommandRequest;
import dev.microvm.cli.attach.Signals;
import dev.microvm.error.MicroVmException;
import dev.microvm.sandbox.CommandStartException;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Lets other processes use a machine of this one, by its control socket. */
public final class ControlServer implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ControlServer.class);

    private final ControlSocket socket;
    private final Controlled machine;
    private final Set<Connection> open = ConcurrentHashMap.newKeySet();

    private ControlServer(ControlSocket socket, Controlled machine) {
        this.socket = socket;
        this.machine = machine;
    }

    /**
     * Takes a machine's name, and listens.
     *
     * @throws CliException if another machine of this name runs
     */
    public static ControlServer start(String name, Controlled machine) {
        ControlServer server = new ControlServer(ControlSocket.claim(RuntimeFolder.open(), name), machine);
        Thread.ofPlatform().name("microvm-control").daemon().start(server::serve);
        return server;
    }

    private void serve() {
        ServerSocketChannel channel = socket.channel();
        while (channel.isOpen()) {
            try {
                SocketChannel accepted = channel.accept();
                Thread.ofVirtual().name("microvm-control").start(() -> answer(new Connection(accepted)));
            } catch (IOException e) {
                if (channel.isOpen()) log.warn("control socket: {}", e.toString());
            }
        }
    }

    private void answer(Connection connection) {
        open.add(connection);
        try (connection) {
            Message request = connection.receive();
            if (request != null) answer(connection, request);
        } catch (IOException e) {
            log.debug("control connection: {}", e.toString());
        } finally {
            open.remove(connection);
        }
    }

    private void answer(Connection connection, Message request) throws IOException {
        try (DataInputStream in = request.in()) {
            switch (request.type()) {
                case Message.INFO -> connection.send(Message.OK, machine.info()::write);
                case Message.DESCRIBE -> connection.send(Message.OK, to -> to.writeUTF(machine.describe()));
                case Message.EXEC -> exec(connection, CommandRequest.read(in));
                case Message.COPY_IN -> {
                    machine.copyIn(Path.of(in.readUTF()), in.readUTF());
                    connection.send(Message.OK);
                }
                case Message.COPY_OUT -> {
                    machine.copyOut(in.readUTF(), Path.of(in.readUTF()));
                    connection.send(Message.OK);
                }
                case Message.LOGS -> logs(connection, machine.logs(in.readBoolean(), in.readBoolean()));
                case Message.STOP -> {
                    machine.stop(Duration.ofMillis(in.readLong()));
                    connection.receive(); // the end of this process is the answer
                }
                default -> throw new CliException("a request of type " + request.type(), "use one version of microvm");
            }
        } catch (CliException e) {
            refuse(connection, e.exitCode(), e.getMessage() + (e.remedy().isEmpty() ? "" : "; " + e.remedy()));
        } catch (CommandStartException e) {
            refuse(
                    connection,
                    e.notFound() ? ExitCode.NOT_FOUND : ExitCode.NOT_EXECUTABLE,
                    String.valueOf(e.getMessage()));
        } catch (MicroVmException e) {
            refuse(connection, ExitCode.FAILED, String.valueOf(e.getMessage()));
        } catch (IOException e) {
            refuse(connection, ExitCode.FAILED, e.toString());
        }
    }

    private static void refuse(Connection connection, int code, String text) throws IOException {
        connection.send(Message.ERROR, to -> {
            to.writeInt(code);
            to.writeUTF(text);
        });
    }

    private void exec(Connection connection, CommandRequest request) throws IOException {
        Attached command = machine.start(request);
        connection.send(Message.OK);
        Thread.ofVirtual().name("microvm-control-input").start(() -> pass(connection, command));
        int code = command.await(connection.stream(Message.STDOUT), connection.stream(Message.STDERR));
        connection.send(Message.EXIT, to -> to.writeInt(code));
    }

    /** Passes on what the other process sends. If it goes away, the command hears what a terminal would tell it. */
    private static void pass(Connection connection, Attached command) {
        try (ExecutorService input =
                Executors.newSingleThreadExecutor(Thread.ofVirtual().factory())) {
            try {
                for (Message next = connection.receive(); next != null; next = connection.receive()) {
                    pass(connection, command, next, input);
                }
            } catch (IOException e) {
                log.debug("control connection: {}", e.toString());
            }
            command.signal(Signals.HUP);
        }
    }

    /** Input waits for the command, so it has a thread of its own: signals must not wait. */
    private static void pass(Connection connection, Attached command, Message message, ExecutorService input)
            throws IOException {
        DataInputStream in = message.in();
        switch (message.type()) {
            case Message.INPUT ->
                input.execute(() -> {
                    try {
                        command.input(message.content(), message.content().length);
                        connection.send(Message.TAKEN);
                    } catch (IOException e) {
                        log.debug("input of a command: {}", e.toString());
                    }
                });
            case Message.INPUT_END ->
                input.execute(() -> {
                    try {
                        command.endInput();
                    } catch (IOException e) {
                        log.debug("end of input of a command: {}", e.toString());
                    }
                });
            case Message.SIGNAL -> command.signal(in.readInt());
            case Message.RESIZE -> command.resize(in.readInt(), in.readInt());
            default -> throw new IOException("a message of type " + message.type());
        }
    }

    private static void logs(Connection connection, InputStream from) throws IOException {
        try (from) {
            Thread.ofVirtual().name("microvm-control-logs").start(() -> closeWithTheOther(connection, from));
            from.transferTo(connection.stream(Message.STDOUT));
        }
        connection.send(Message.EXIT, to -> to.writeInt(0));
    }

    private static void closeWithTheOther(Connection connection, InputStream stream) {
        try (stream) {
            connection.receive();
        } catch (IOException e) {
            log.debug("control connection: {}", e.toString());
        }
    }

    /** Ends all connections, and gives the name back. */
    @Override
    public void close() {
        socket.close();
        open.forEach(Connection::close);
    }
}
