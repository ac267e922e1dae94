package dev.microvm.backend.net.user;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The name servers of the host, whose file changes while a guest runs. */
final class NameServersTest {
    private static final long SECOND = 1_000_000_000;

    @TempDir
    private Path folder;

    @SuppressWarnings("NullAway.Init") // set by before each test
    private Path file;

    @SuppressWarnings("NullAway.Init")
    private NameServers servers;

    private long now = Long.MAX_VALUE - SECOND / 2; // the clock may wrap

    @BeforeEach
    void open() {
        file = folder.resolve("resolv.conf");
        servers = NameServers.following(file, () -> now);
    }

    @Test
    void followTheFile_whenItIsReplaced() throws IOException {
        Files.writeString(file, "nameserver 192.0.2.1\n");
        assertThat(addresses()).containsExactly("192.0.2.1");

        Path other = Files.writeString(folder.resolve("new"), "nameserver 192.0.2.2\n");
        Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
        now += SECOND;

        assertThat(addresses()).containsExactly("192.0.2.2");
    }

    @Test
    void followTheFile_whenItIsRewrittenInPlaceWithTheSameSize() throws IOException {
        Files.writeString(file, "nameserver 192.0.2.1\n");
        Files.setLastModifiedTime(file, FileTime.fromMillis(1_000));
        assertThat(addresses()).containsExactly("192.0.2.1");

        Files.writeString(file, "nameserver 192.0.2.2\n");
        now += SECOND;

        assertThat(addresses()).containsExactly("192.0.2.2");
    }

    @Test
    void followASymbolicLink_toAnotherFile() throws IOException {
        Path one = Files.writeString(folder.resolve("one"), "nameserver 192.0.2.1\n");
        Path two = Files.writeString(folder.resolve("two"), "nameserver 192.0.2.2\n");
        Files.createSymbolicLink(file, one);
        assertThat(addresses()).containsExactly("192.0.2.1");

        Files.delete(file);
        Files.createSymbolicLink(file, two);
        now += SECOND;

        assertThat(addresses()).containsExactly("192.0.2.2");
    }

    @Test
    void areThisHost_whileThereIsNoFile() throws IOException {
        assertThat(addresses()).containsExactly("127.0.0.1");

        Files.writeString(file, "nameserver 192.0.2.1\n");
        now += SECOND;
        assertThat(addresses()).containsExactly("192.0.2.1");

        Files.delete(file);
        now += SECOND;
        assertThat(addresses()).containsExactly("127.0.0.1");
    }

    @Test
    void areNotLookedAtForEachQuestion() throws IOException {
        Files.writeString(file, "nameserver 192.0.2.1\n");
        assertThat(addresses()).containsExactly("192.0.2.1");
        Files.delete(file);

        now += SECOND / 2;

        assertThat(addresses()).containsExactly("192.0.2.1");
    }

    @Test
    void areReadAsTheCLibraryReadsThem() {
        assertThat(read("")).containsExactly("127.0.0.1");
        assertThat(read("search example.org\noptions edns0 trust-ad\n")).containsExactly("127.0.0.1");
        assertThat(read("# nameserver 192.0.2.9\n;nameserver 192.0.2.9\nnameserver\t192.0.2.1\n"))
                .containsExactly("192.0.2.1");
        assertThat(read("nameserver 192.0.2.1 # the first\nnameserver   192.0.2.2\t; the second\r\n"))
                .containsExactly("192.0.2.1", "192.0.2.2");
        assertThat(read("nameserver 192.0.2.1\nnameserver nonsense\nnameserver\nnameservers 192.0.2.8\n"
                        + "nameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n"))
                .containsExactly("192.0.2.1", "192.0.2.2", "192.0.2.3");
        assertThat(read("nameserver 2001:db8::1\nnameserver ::1"))
                .containsExactly("2001:db8:0:0:0:0:0:1", "0:0:0:0:0:0:0:1");
        assertThat(read("nameserver 127.1\nnameserver 0x7f.0.0.02\nnameserver 2130706435"))
                .containsExactly("127.0.0.1", "127.0.0.2", "127.0.0.3");
        assertThat(read("nameserver 1.2.3.4.5\nnameserver 1.2.3.256\nnameserver 1..2\nnameserver -1\nnameserver +1"))
                .containsExactly("127.0.0.1");
    }

    @Test
    void mayHaveAScope() {
        assertThat(read("nameserver fe80::1%1\n")).singleElement().asString().startsWith("fe80:0:0:0:0:0:0:1%");
        assertThat(read("nameserver fe80::1%there-is-no-such-interface\nnameserver 192.0.2.1\n"))
                .containsExactly("192.0.2.1");
    }

    @Test
    void areReadInAnyEncoding() throws IOException {
        Files.write(file, "# caf\u00e9\nnameserver 192.0.2.1\n".getBytes(ISO_8859_1));

        assertThat(addresses()).containsExactly("192.0.2.1");
    }

    private List<String> addresses() {
        return text(servers.current());
    }

    private static List<String> read(String conf) {
        return text(ResolvConf.nameServers(conf));
    }

    private static List<String> text(List<InetSocketAddress> servers) {
        assertThat(servers).allSatisfy(server -> assertThat(server.getPort()).isEqualTo(53));
        return servers.stream()
                .map(server -> server.getAddress().getHostAddress())
                .toList();
    }
}
