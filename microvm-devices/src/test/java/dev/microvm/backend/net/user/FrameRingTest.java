package dev.microvm.backend.net.user;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

final class FrameRingTest {
    private static final int CAPACITY = 256;

    private final FrameRing ring = new FrameRing(CAPACITY);

    @Test
    void givesFramesInOrder_acrossItsEnd() {
        for (int round = 0; round < 1000; round++) {
            int length = 1 + round % 100;
            assertThat(put(length, round)).isTrue();
            assertThat(put(length / 2, round + 1)).isTrue();
            take(length, round);
            take(length / 2, round + 1);
        }
        assertThat(ring.peek()).isEqualTo(FrameRing.NONE);
    }

    @Test
    void refusesAFrame_untilHalfIsFreeAgain() {
        int[] calls = new int[2];
        ring.onChange(() -> calls[0]++, () -> calls[1]++);
        for (int i = 0; i < 4; i++) assertThat(put(60, i)).isTrue();
        assertThat(put(60, 4)).isFalse();
        assertThat(calls).containsExactly(1, 0);

        take(60, 0);
        assertThat(calls[1]).isZero();
        take(60, 1);
        assertThat(calls[1]).isEqualTo(1);
        assertThat(put(60, 4)).isTrue();
    }

    /** Two threads; each sleeps when it cannot go on, so a wake-up that is lost hangs the test. */
    @Test
    @Timeout(60)
    void wakesEitherSide_always() throws InterruptedException {
        Semaphore filled = new Semaphore(0);
        Semaphore drained = new Semaphore(0);
        ring.onChange(filled::release, drained::release);
        int frames = 200_000;
        Thread producer = new Thread(() -> {
            Random random = new Random(1);
            for (int i = 0; i < frames; i++) {
                int length = 4 + random.nextInt(90);
                while (!put(length, i)) drained.acquireUninterruptibly();
            }
        });
        producer.start();
        Random random = new Random(1);
        for (int i = 0; i < frames; i++) {
            while (ring.peek() == FrameRing.NONE) filled.acquireUninterruptibly();
            take(4 + random.nextInt(90), i);
        }
        producer.join();
    }

    private boolean put(int length, int seed) {
        int at = ring.claim(length);
        if (at == FrameRing.NONE) return false;
        for (int i = 0; i < length; i++) ring.bytes()[at + i] = (byte) (seed + i);
        ring.commit(at, length);
        return true;
    }

    private void take(int length, int seed) {
        int at = ring.peek();
        byte[] frame = new byte[ring.length(at)];
        System.arraycopy(ring.bytes(), at, frame, 0, frame.length);
        ring.release(at);
        byte[] expected = new byte[length];
        for (int i = 0; i < length; i++) expected[i] = (byte) (seed + i);
        assertThat(frame).isEqualTo(expected);
    }
}
