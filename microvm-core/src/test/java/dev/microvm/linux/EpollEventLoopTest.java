package dev.microvm.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.testing.EventLoopContract;
import dev.microvm.testing.ProcessUse;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class EpollEventLoopTest extends EventLoopContract {
    EpollEventLoopTest() {
        super(new EpollEventLoop(NAME));
    }

    @Test
    void leavesNoDescriptor_whenItRefusesASignal() {
        EpollEventLoop loop = new EpollEventLoop("closed");
        loop.close();
        long before = ProcessUse.now().eventFds();

        assertThatIllegalStateException().isThrownBy(() -> loop.signal(() -> {}));
        assertThat(ProcessUse.now().eventFds()).isEqualTo(before);
    }

    @Test
    void leavesNoDescriptor_whenLoopsAndSignalsAreClosed() {
        useLoops(3);
        ProcessUse before = ProcessUse.now();

        useLoops(50);

        ProcessUse after = ProcessUse.now();
        assertThat(after.eventFds()).isEqualTo(before.eventFds());
        assertThat(after.descriptors()).isLessThan(before.descriptors() + 20); // the JVM opens some itself
    }

    /** Makes loops, each with a signal that is closed and one that is not. */
    private static void useLoops(int count) {
        IntStream.range(0, count).forEach(i -> {
            try (EpollEventLoop brief = new EpollEventLoop("short-" + i)) {
                brief.signal(() -> {}).close();
                brief.signal(() -> {}).raise();
                brief.timer(() -> {}).armAt(Long.MAX_VALUE);
            }
        });
    }
}
