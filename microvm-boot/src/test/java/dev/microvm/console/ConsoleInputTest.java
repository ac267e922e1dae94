package dev.microvm.console;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.devices.legacy.Uart16550;
import dev.microvm.irq.IrqLine;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class ConsoleInputTest {
    private static final int FULL = Uart16550.INPUT_CAPACITY + 1; // the queue, and the receive register

    private final ConsoleInput input = new ConsoleInput(null);
    private final Uart16550 uart = port();
    private final CompletableFuture<Thread> writer = new CompletableFuture<>();

    @Test
    void givesWhatIsWrittenToThePort() throws Exception {
        input.connect(uart);
        write("hello");

        assertThat(read(uart)).isEqualTo("hello");
    }

    @Test
    void waits_whileThereIsNoPort() throws Exception {
        Future<?> written = writeElsewhere("hello");
        awaitWaiting();

        input.connect(uart);

        written.get(30, TimeUnit.SECONDS);
        assertThat(read(uart)).isEqualTo("hello");
    }

    @Test
    void passesUnreadInputToTheNextPort() throws Exception {
        input.connect(uart);
        write("?first ");
        Uart16550 next = port();

        input.connect(next);
        write("second");

        assertThat(read(next)).as("the ? was in the old port's register").isEqualTo("first second");
    }

    @Test
    void continuesWithTheNextPort_whenTheOldOneIsFull() throws Exception {
        input.connect(uart);
        write("x".repeat(FULL));
        Future<?> written = writeElsewhere("the end");
        awaitWaiting();
        Uart16550 next = port();

        input.connect(next);
        String all = read(next);
        written.get(30, TimeUnit.SECONDS);

        assertThat(all + read(next)).isEqualTo("x".repeat(FULL - 1) + "the end");
        assertThat(read(uart)).as("what the old port keeps").isEqualTo("x");
    }

    @Test
    void releasesTheWriter_whenTheMachineEnds() throws Exception {
        Future<?> written = writeElsewhere("hello");
        awaitWaiting();

        input.end();

        assertThatExceptionOfType(ExecutionException.class)
                .isThrownBy(() -> written.get(30, TimeUnit.SECONDS))
                .withCause(new IOException("the guest does not run"));
    }

    @Test
    void refuses_whenTheMachineHasEnded() {
        input.connect(uart);
        input.end();

        assertThatExceptionOfType(IOException.class).isThrownBy(() -> write("hello"));
        assertThat(read(uart)).isEmpty();
    }

    @Test
    void releasesTheWriter_whenItIsInterrupted() throws Exception {
        Future<?> written = writeElsewhere("hello");
        awaitWaiting();

        writer.get().interrupt();

        assertThatExceptionOfType(ExecutionException.class)
                .isThrownBy(() -> written.get(30, TimeUnit.SECONDS))
                .withCauseInstanceOf(InterruptedIOException.class);
    }

    private void write(String text) throws IOException {
        input.write(text.getBytes(US_ASCII), 0, text.length());
    }

    private Future<?> writeElsewhere(String text) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        writer.complete(Thread.ofPlatform().start(() -> {
            try {
                write(text);
                done.complete(null);
            } catch (IOException e) {
                done.completeExceptionally(e);
            }
        }));
        return done;
    }

    private void awaitWaiting() throws Exception {
        while (writer.get().getState() != Thread.State.WAITING) Thread.sleep(1);
    }

    private static Uart16550 port() {
        return new Uart16550(IrqLine.UNCONNECTED, character -> true);
    }

    /** What the guest gets that reads until nothing is there. */
    private static String read(Uart16550 from) {
        StringBuilder text = new StringBuilder();
        while ((from.read(5, 1) & 1) != 0) text.append((char) from.read(0, 1)); // LSR, data ready; RBR
        return text.toString();
    }
}
