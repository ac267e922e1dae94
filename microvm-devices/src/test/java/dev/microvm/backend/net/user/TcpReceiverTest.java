package dev.microvm.backend.net.user;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** RFC 9293, 3.10.7.4; sequence numbers begin near their end, so that they wrap. */
final class TcpReceiverTest {
    private static final int LIMIT = 64 * 1024;
    private static final int SYN = -1000;
    private static final int MSS = 1460;

    private final TcpReceiver receiver = new TcpReceiver(LIMIT, new MemoryBudget(1 << 20));

    TcpReceiverTest() {
        receiver.begin(SYN);
        receiver.synWindow();
        receiver.window(MSS);
    }

    @Test
    void takesWhatComesInOrder() {
        data(0, 100);
        data(100, 50);

        assertThat(received()).isEqualTo(150);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void takesEachByteOnce_inWhateverOrderAndHoweverCut(long seed) {
        Random random = new Random(seed);
        List<int[]> segments = new ArrayList<>();
        for (int at = 0; at < 20_000; at += 500) {
            int start = Math.max(0, at - random.nextInt(400));
            segments.add(new int[] {start, at + 500 - start});
        }
        Collections.shuffle(segments, random);

        for (int i = 0; i < 3; i++) segments.forEach(each -> data(each[0], each[1])); // what did not fit comes again

        assertThat(received()).isEqualTo(20_000);
        byte[] all = new byte[20_000];
        receiver.ring().copy(0, all, 0, all.length);
        for (int i = 0; i < all.length; i++) assertThat(all[i]).as("byte %d", i).isEqualTo(content(i));
    }

    @Test
    void takesNothingBeyondTheWindow() {
        data(LIMIT - 1000, 5000);
        data(0, LIMIT - 1000);

        assertThat(received()).isLessThanOrEqualTo(LIMIT);
        assertThat(receiver.accepts(SYN + 1 + LIMIT, 1)).isFalse();
    }

    @Test
    void closesTheWindow_untilTheHostHasTakenALot() {
        data(0, LIMIT - 1);
        data(LIMIT - 1, 1);
        assertThat(receiver.window(MSS)).isZero();
        assertThat(receiver.accepts(receiver.next(), 1)).isFalse();
        assertThat(receiver.accepts(receiver.next(), 0)).isTrue();

        receiver.ring().discard(100);
        assertThat(receiver.windowOpened(MSS)).isFalse();
        assertThat(receiver.window(MSS)).isZero(); // no silly window
        receiver.ring().discard(3000);
        assertThat(receiver.windowOpened(MSS)).isTrue();
        assertThat(receiver.window(MSS)).isPositive();
    }

    @Test
    void takesTheFin_onlyWhenAllBeforeItIsHere() {
        receiver.fin(SYN + 1 + 100);
        assertThat(receiver.takeFin()).isFalse();

        data(0, 100);
        assertThat(receiver.takeFin()).isTrue();
        assertThat(receiver.takeFin()).isFalse();
        assertThat(receiver.next()).isEqualTo(SYN + 1 + 101);
    }

    @Test
    void treatsDataAsLost_whenThereIsNoMemory() {
        TcpReceiver poor = new TcpReceiver(LIMIT, new MemoryBudget(0));
        poor.begin(0);
        assertThat(poor.synWindow()).isEqualTo(ByteRing.FIRST_SIZE);
        poor.data(1, new byte[LIMIT], 0, LIMIT);

        assertThat(poor.ring().size()).isEqualTo(ByteRing.FIRST_SIZE);
    }

    private int received() {
        return receiver.next() - (SYN + 1);
    }

    private void data(int from, int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) bytes[i] = content(from + i);
        receiver.data(SYN + 1 + from, bytes, 0, length);
    }

    private static byte content(int position) {
        return (byte) (position * 31 + (position >>> 8));
    }
}
