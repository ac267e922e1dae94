package dev.microvm.cli.attach;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(10)
final class RecentOutputTest {
    private static final int KEPT = 256 << 10;

    private final RecentOutput output = new RecentOutput();

    private void print(String text) {
        output.write(text.getBytes(UTF_8), 0, text.length());
    }

    @Test
    void endsWithWhatThereIs_unlessItFollows() throws IOException {
        print("one\n");
        InputStream now = output.stream(false);
        print("two\n");

        assertThat(new String(now.readAllBytes(), UTF_8)).isEqualTo("one\n");
    }

    @Test
    void followsToTheEnd() {
        print("one\n");
        InputStream stream = output.stream(true);
        CompletableFuture<byte[]> read = CompletableFuture.supplyAsync(() -> {
            try {
                return stream.readAllBytes();
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        print("two\n");
        output.close();

        assertThat(new String(read.join(), UTF_8)).isEqualTo("one\ntwo\n");
    }

    @Test
    void keepsTheNewest() throws IOException {
        byte[] old = new byte[KEPT + 1000];
        Arrays.fill(old, (byte) 'x');
        output.write(old, 0, old.length);
        print("newest");

        byte[] kept = output.stream(false).readAllBytes();
        assertThat(kept).hasSize(KEPT);
        assertThat(new String(kept, UTF_8)).startsWith("x").endsWith("xnewest");
    }

    @Test
    void endsAStreamThatWaits_whenItIsClosed() throws IOException {
        InputStream stream = output.stream(true);
        CompletableFuture<Integer> read = CompletableFuture.supplyAsync(() -> {
            try {
                return stream.read();
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        stream.close();

        assertThat(read.join()).isEqualTo(-1);
    }
}
