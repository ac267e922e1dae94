package dev.microvm.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

final class EventFdTest {
    @AutoClose
    private final Arena arena = Arena.ofConfined();

    @AutoClose
    private final EventFd eventFd = new EventFd();

    private final MemorySegment scratch = arena.allocate(JAVA_LONG);

    @Test
    void drainsOnce_whenSignalledOften() {
        eventFd.signal();
        eventFd.signal();

        assertThat(eventFd.drain(scratch)).isTrue();
        assertThat(scratch.get(JAVA_LONG, 0)).isEqualTo(2);
        assertThat(eventFd.drain(scratch)).isFalse();
    }

    @Test
    void drainsNothing_whenNotSignalled() {
        assertThat(eventFd.drain(scratch)).isFalse();
    }

    @Test
    void doesNotBlock_whenTheCounterIsFull() {
        MemorySegment almostFull = arena.allocateFrom(JAVA_LONG, -2L); // the most it holds: eventfd(2)
        assertThat(Libc.write(eventFd.descriptor(), almostFull)).isEqualTo(8);

        eventFd.signal();

        assertThat(eventFd.drain(scratch)).isTrue();
    }

    @Test
    void doesNothing_whenClosed() {
        eventFd.close();

        assertThatNoException().isThrownBy(eventFd::signal);
        assertThatNoException().isThrownBy(eventFd::close);
        assertThat(eventFd.drain(scratch)).isFalse();
    }
}
