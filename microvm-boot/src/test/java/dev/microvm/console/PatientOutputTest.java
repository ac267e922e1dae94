package dev.microvm.console;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
final class PatientOutputTest {
    private final ConsoleBuffer buffer = new ConsoleBuffer();
    private final PatientOutput output = new PatientOutput(buffer);

    @Test
    void waitsForAReaderThatIsBehind_andLosesNothing() throws Exception {
        buffer.onRoom(output::roomAgain);
        ConsoleBuffer.Reader reader = buffer.attach();
        int size = ConsoleBuffer.CAPACITY + 1000;
        CompletableFuture<Void> printing = CompletableFuture.runAsync(() -> {
            for (int i = 0; i < size; i++) assertThat(output.offer(i % 100)).isTrue();
        });
        int seen = 0;
        while (seen < size) {
            byte[] read = Objects.requireNonNull(reader.read(size));
            for (byte each : read) assertThat(each).isEqualTo((byte) (seen++ % 100));
        }
        printing.get(10, TimeUnit.SECONDS);
    }

    @Test
    void waitsNoMore_whenItsThreadIsInterrupted() throws Exception {
        buffer.attach();
        for (int i = 0; i < ConsoleBuffer.CAPACITY; i++) output.offer('.');
        CompletableFuture<Boolean> taken = new CompletableFuture<>();
        Thread printing = Thread.ofPlatform().start(() -> taken.complete(output.offer('!')));
        printing.interrupt();
        assertThat(taken.get(10, TimeUnit.SECONDS)).isTrue();
    }
}
