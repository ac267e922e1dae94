package dev.microvm.cli.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.cli.CliException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names of machines, as files. */
final class ControlSocketTest {
    @TempDir
    private Path folder;

    @Test
    void isForThisUserAlone_andGoesWithTheMachine() throws IOException {
        Path path = folder.resolve("vm.sock");
        try (ControlSocket socket = ControlSocket.claim(folder, "vm")) {
            assertThat(socket.channel().isOpen()).isTrue();
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                    .isEqualTo("rw-------");
            ControlSocket.connect(folder, path).orElseThrow().close();
        }
        assertThat(path).doesNotExist();
        assertThat(ControlSocket.connect(folder, path)).isEmpty();
    }

    @Test
    void refusesAName_whenItsMachineRuns() {
        try (ControlSocket socket = ControlSocket.claim(folder, "vm")) {
            assertThatExceptionOfType(CliException.class)
                    .isThrownBy(() -> ControlSocket.claim(folder, "vm"))
                    .withMessageContaining("'vm' runs already")
                    .satisfies(e -> assertThat(e.remedy()).contains("microvm stop vm"));
            assertThat(socket.channel().isOpen()).isTrue();
        }
    }

    @Test
    void replacesASocket_whenItsProcessIsGone() throws IOException {
        Path path = leftBehind("vm.sock");
        ControlSocket.claim(folder, "vm").close();
        assertThat(path).doesNotExist();
    }

    @Test
    void removesASocket_whenSomebodyFindsThatItsProcessIsGone() throws IOException {
        Path path = leftBehind("vm.sock");
        assertThat(ControlSocket.connect(folder, path)).isEmpty();
        assertThat(path).doesNotExist();
    }

    private Path leftBehind(String name) throws IOException {
        Path path = folder.resolve(name);
        ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        channel.bind(UnixDomainSocketAddress.of(path)).close(); // as by a crash: the file stays
        assertThat(path).exists();
        return path;
    }

    @Test
    void refusesNamesThatLeadElsewhere() {
        for (String name : new String[] {"../vm", "a/b", "", "x".repeat(41)}) {
            assertThatExceptionOfType(CliException.class).isThrownBy(() -> ControlSocket.of(folder, name));
        }
    }

    @Test
    void usesNoFolderThatOthersMayEnter() throws IOException {
        Path shared = Files.createDirectory(folder.resolve("microvm"));
        Files.setPosixFilePermissions(shared, PosixFilePermissions.fromString("rwxrwxrwx"));

        assertThatExceptionOfType(CliException.class)
                .isThrownBy(() -> RuntimeFolder.open(folder.toString(), folder))
                .withMessageContaining("is not a folder that only");
    }

    @Test
    void makesAFolderForThisUserAlone() throws IOException {
        Path made = RuntimeFolder.open(folder.toString(), folder);
        assertThat(made).isEqualTo(folder.resolve("microvm"));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made)))
                .isEqualTo("rwx------");
        assertThat(RuntimeFolder.open(null, folder))
                .isEqualTo(folder.resolve("microvm-" + System.getProperty("user.name")));
    }
}
