package dev.microvm.cli.control;

import dev.microvm.cli.CliException;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** The machines of other processes of this user. */
public final class Machines {
    private Machines() {}

    /** Returns those that run, the oldest first; removes sockets that were left behind. */
    public static List<MachineInfo> running() throws IOException {
        List<MachineInfo> all = new ArrayList<>();
        Path folder = RuntimeFolder.open();
        try (DirectoryStream<Path> sockets = Files.newDirectoryStream(folder, "*" + ControlSocket.SUFFIX)) {
            for (Path each : sockets) info(folder, each).ifPresent(all::add);
        }
        all.sort(Comparator.comparing(MachineInfo::started));
        return all;
    }

    /** Returns what a machine says of itself; empty if there is none of this name. */
    public static Optional<MachineInfo> find(String name) throws IOException {
        Path folder = RuntimeFolder.open();
        return info(folder, ControlSocket.of(folder, name));
    }

    private static Optional<MachineInfo> info(Path folder, Path socket) throws IOException {
        Optional<Connection> connection = ControlSocket.connect(folder, socket);
        if (connection.isEmpty()) return Optional.empty();
        try (Connection to = connection.get()) {
            to.send(Message.INFO);
            Message answer = to.receive();
            if (answer == null || answer.type() != Message.OK) return Optional.empty(); // it ends just now
            try (DataInputStream in = answer.in()) {
                return Optional.of(MachineInfo.read(in));
            }
        }
    }

    /**
     * Connects to a machine.
     *
     * @throws CliException if there is none of this name
     */
    static Connection connect(String name) throws IOException {
        Path folder = RuntimeFolder.open();
        return ControlSocket.connect(folder, ControlSocket.of(folder, name))
                .orElseThrow(
                        () -> new CliException("no machine '" + name + "' runs", "microvm ps lists those that do"));
    }

    /** Describes a machine in words. */
    public static String describe(String name) throws IOException {
        try (Connection connection = connect(name)) {
            connection.send(Message.DESCRIBE);
            try (DataInputStream in = expectOk(connection).in()) {
                return in.readUTF();
            }
        }
    }

    /** Waits for OK. */
    static Message expectOk(Connection connection) throws IOException {
        Message answer = connection.receive();
        if (answer == null) throw new CliException("the machine has ended", "microvm ps lists those that run");
        return requireOk(answer);
    }

    static Message requireOk(Message answer) throws IOException {
        if (answer.type() == Message.OK) return answer;
        if (answer.type() != Message.ERROR) throw new IOException("a message of type " + answer.type());
        try (DataInputStream in = answer.in()) {
            int code = in.readInt();
            throw new CliException(in.readUTF(), "", code);
        }
    }
}
