package dev.microvm.cli.control;

import dev.microvm.cli.CliException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The socket of a machine, by its name in the {@link RuntimeFolder}. */
final class ControlSocket implements AutoCloseable {
    static final String SUFFIX = ".sock";

    private static final Logger log = LoggerFactory.getLogger(ControlSocket.class);
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,40}"); // MachineSpec's

    private final ServerSocketChannel channel;
    private final Path path;

    private ControlSocket(ServerSocketChannel channel, Path path) {
        this.channel = channel;
        this.path = path;
    }

    /**
     * Takes a name. The socket appears under it when it listens already, so that nobody takes it for
     * one that was left behind.
     */
    static ControlSocket claim(Path folder, String name) {
        Path path = of(folder, name);
        Path own = folder.resolve("." + ProcessHandle.current().pid() + "-" + name);
        try (FolderLock lock = FolderLock.take(folder)) {
            ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
            try {
                channel.bind(UnixDomainSocketAddress.of(own));
                Files.setPosixFilePermissions(own, PosixFilePermissions.fromString("rw-------"));
                removeStale(path, lock);
                Files.createLink(path, own);
                return new ControlSocket(channel, path);
            } catch (IOException | RuntimeException e) {
                channel.close();
                throw e;
            } finally {
                Files.deleteIfExists(own);
            }
        } catch (FileAlreadyExistsException e) {
            throw new CliException(
                    "--name: a machine '%s' runs already".formatted(name),
                    "microvm stop " + name + ", or another name");
        } catch (IOException e) {
            throw new CliException(
                    "the control socket %s cannot be made: %s".formatted(path, e.getMessage()),
                    "set XDG_RUNTIME_DIR to a folder with a short name");
        }
    }

    /** Returns the path of a machine's socket. */
    static Path of(Path folder, String name) {
        if (!NAME.matcher(name).matches()) {
            throw new CliException(
                    "'%s' is no name of a machine".formatted(name), "it has 1 to 40 letters, digits, '.', '_' or '-'");
        }
        return folder.resolve(name + SUFFIX);
    }

    /** Connects to a machine; empty if there is none. Removes a socket that a process has left behind. */
    static Optional<Connection> connect(Path folder, Path path) throws IOException {
        Optional<Connection> connection = tryConnect(path);
        if (connection.isEmpty() && Files.exists(path)) {
            try (FolderLock lock = FolderLock.take(folder)) {
                removeStale(path, lock);
            }
        }
        return connection;
    }

    private static Optional<Connection> tryConnect(Path path) {
        try {
            return Optional.of(new Connection(SocketChannel.open(UnixDomainSocketAddress.of(path))));
        } catch (IOException e) { // nobody listens, or there is no such file
            return Optional.empty();
        }
    }

    /** @param lock which is held, so that no name is given away meanwhile */
    private static void removeStale(Path path, FolderLock lock) throws IOException {
        Optional<Connection> alive = tryConnect(path);
        alive.ifPresent(Connection::close);
        if (alive.isEmpty() && Files.deleteIfExists(path)) log.debug("{}: removed {}", lock, path);
    }

    ServerSocketChannel channel() {
        return channel;
    }

    @Override
    public void close() {
        try {
            Files.deleteIfExists(path);
            channel.close();
        } catch (IOException e) {
            log.debug("{}: {}", path, e.toString()); // others find that nobody listens, and remove it
        }
    }
}
