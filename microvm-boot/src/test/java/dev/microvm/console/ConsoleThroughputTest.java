package dev.microvm.console;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.devices.legacy.Uart16550;
import dev.microvm.irq.IrqLine;
import dev.microvm.linux.EpollEventLoop;
import java.io.IOException;
import java.io.InputStream;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A megabyte each way at once, between a host and a driver that polls the port, both as fast as
 * they can.
 */
@Timeout(600)
final class ConsoleThroughputTest {
    private static final int SIZE = 1 << 20;
    private static final int PATIENCE = 300; // seconds; a loaded host pauses often, see UartReceivePauses

    // Registers of the port, and bits of LSR: PC16550D data sheet, "Registers"
    private static final int DATA = 0;
    private static final int FIFO_CONTROL = 2;
    private static final int LINE_STATUS = 5;
    private static final int DATA_READY = 1 << 0;
    private static final int TRANSMITTER_EMPTY = 1 << 5;

    private final ConsoleBuffer buffer = new ConsoleBuffer();
    private final ConsoleInput input = new ConsoleInput(null);

    @Test
    void losesNothing_inEitherDirection() throws Exception {
        byte[] typed = random(1);
        byte[] printed = random(2);
        try (EpollEventLoop loop = new EpollEventLoop("microvm-throughput-io")) {
            Uart16550 uart = new Uart16550(IrqLine.UNCONNECTED, buffer, loop);
            buffer.onRoom(uart::outputReady);
            input.connect(uart);
            uart.write(FIFO_CONTROL, 1, 1); // before anything comes: it empties the FIFO
            InputStream output = buffer.attach().stream();

            Future<byte[]> guest = run(() -> drive(uart, printed));
            Future<byte[]> writer = run(() -> {
                input.write(typed, 0, typed.length);
                return typed;
            });
            byte[] seen = output.readNBytes(SIZE);

            writer.get(PATIENCE, TimeUnit.SECONDS);
            assertThat(guest.get(PATIENCE, TimeUnit.SECONDS)).isEqualTo(typed);
            assertThat(seen).isEqualTo(printed);
        }
    }

    /**
     * The guest's driver: writes {@code printed} while it reads as many bytes, which it returns.
     */
    private static byte[] drive(Uart16550 uart, byte[] printed) {
        byte[] read = new byte[SIZE];
        int in = 0;
        int out = 0;
        while (in < SIZE || out < SIZE) {
            long status = uart.read(LINE_STATUS, 1);
            if ((status & DATA_READY) != 0 && in < SIZE) read[in++] = (byte) uart.read(DATA, 1);
            if ((status & TRANSMITTER_EMPTY) != 0 && out < SIZE) uart.write(DATA, 1, printed[out++] & 0xff);
        }
        return read;
    }

    private interface Work {
        byte[] run() throws IOException;
    }

    private static Future<byte[]> run(Work work) {
        CompletableFuture<byte[]> result = new CompletableFuture<>();
        Thread.ofPlatform().daemon().start(() -> {
            try {
                result.complete(work.run());
            } catch (IOException | RuntimeException | Error e) {
                result.completeExceptionally(e);
            }
        });
        return result;
    }

    private static byte[] random(long seed) {
        byte[] bytes = new byte[SIZE];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }
}
