package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.SocketException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** The other side of a Unix socket, as text. */
final class SocketClient implements AutoCloseable {
    private final SocketChannel socket;
    private final StringBuilder seen = new StringBuilder();
    private int mark;

    private SocketClient(SocketChannel socket) {
        this.socket = socket;
    }

    /** Connects once somebody listens: the file is there a moment earlier. */
    static SocketClient connect(Path path) throws IOException, InterruptedException {
        while (true) {
            try {
                return new SocketClient(SocketChannel.open(UnixDomainSocketAddress.of(path)));
            } catch (SocketException e) { // nobody has made it yet, or nobody listens yet
                TimeUnit.MILLISECONDS.sleep(1);
            }
        }
    }

    void type(String text) throws IOException {
        socket.write(ByteBuffer.wrap(text.getBytes(UTF_8)));
    }

    /** Waits for a text after the last one, and returns what came before it. */
    String await(String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(4096);
        for (int found = seen.indexOf(text, mark); ; found = seen.indexOf(text, mark)) {
            if (found >= 0) {
                String before = seen.substring(mark, found);
                mark = found + text.length();
                return before;
            }
            if (socket.read(bytes.clear()) < 0) throw new AssertionError("\"" + text + "\" in:\n" + seen);
            seen.append(new String(bytes.array(), 0, bytes.position(), UTF_8));
        }
    }

    /** Sends a command of QMP and returns its answer, a line; events before it are skipped. */
    String execute(String command) throws IOException {
        type(command + "\n");
        while (true) {
            String line = await("\r\n");
            if (!line.contains("\"event\"")) return line;
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
