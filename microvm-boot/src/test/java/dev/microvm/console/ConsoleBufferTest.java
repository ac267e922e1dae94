package dev.microvm.console;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Bytes that a virtio console offers many at a time. */
final class ConsoleBufferTest {
    private final ConsoleBuffer buffer = new ConsoleBuffer();

    private static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new Random(7).nextBytes(bytes);
        return bytes;
    }

    private long offer(byte[] bytes) {
        return buffer.offer(MemorySegment.ofArray(bytes), 0, bytes.length);
    }

    @Test
    void keepsTheNewest_ofMoreThanThereIsRoomFor() throws InterruptedException {
        byte[] bytes = random(3 * ConsoleBuffer.CAPACITY + 5);

        assertThat(offer(bytes)).isEqualTo(bytes.length);

        byte[] kept = new byte[ConsoleBuffer.CAPACITY];
        System.arraycopy(bytes, bytes.length - kept.length, kept, 0, kept.length);
        assertThat(buffer.attach().read(kept.length)).isEqualTo(kept);
    }

    @Test
    void takesNoMoreThanAReaderHasRoomFor_andReportsNewRoom() throws InterruptedException {
        int[] room = {0};
        buffer.onRoom(() -> room[0]++);
        offer("before".getBytes(US_ASCII));
        ConsoleBuffer.Reader reader = buffer.attach();
        byte[] bytes = random(ConsoleBuffer.CAPACITY);

        long taken = offer(bytes);
        long none = offer(bytes);
        byte[] first = reader.read(10);
        long more = buffer.offer(MemorySegment.ofArray(bytes), taken, bytes.length - taken);

        assertThat(taken).isEqualTo(ConsoleBuffer.CAPACITY - 6);
        assertThat(none).isZero();
        assertThat(room[0]).isEqualTo(1);
        assertThat(first).startsWith("before".getBytes(US_ASCII));
        assertThat(more).isEqualTo(6);
        assertThat(reader.available()).isEqualTo(ConsoleBuffer.CAPACITY - 4);
    }

    @Test
    void losesNothing_inPiecesOfAnySize() throws InterruptedException {
        ConsoleBuffer.Reader reader = buffer.attach();
        byte[] bytes = random(1_000_000);
        byte[] read = new byte[bytes.length];
        Random sizes = new Random(3);
        int offered = 0;
        int got = 0;
        while (got < bytes.length) {
            int size = Math.min(sizes.nextInt(100_000), bytes.length - offered);
            offered += (int) buffer.offer(MemorySegment.ofArray(bytes), offered, size);
            if (reader.available() == 0) continue;
            byte[] piece = Objects.requireNonNull(reader.read(1 + sizes.nextInt(100_000)));
            System.arraycopy(piece, 0, read, got, piece.length);
            got += piece.length;
        }

        assertThat(read).isEqualTo(bytes);
    }
}
