package dev.microvm.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

final class MappedMemoryTest {
    private static final long PAGE = Libc.getpagesize();
    private static final byte FULL = 1;

    private static MemorySegment full(Arena arena, long pages) {
        return MappedMemory.anonymous(pages * PAGE, arena).fill(FULL);
    }

    private static long zeros(MemorySegment memory) {
        return memory.elements(JAVA_BYTE)
                .filter(each -> each.get(JAVA_BYTE, 0) == 0)
                .count();
    }

    @Test
    void readsAsZero_whereItWasDiscarded() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = full(arena, 4);

            MappedMemory.discard(memory, PAGE, 2 * PAGE);

            assertThat(zeros(memory.asSlice(PAGE, 2 * PAGE))).isEqualTo(2 * PAGE);
            assertThat(zeros(memory)).isEqualTo(2 * PAGE);
        }
    }

    @Test
    void discardsWholePagesOnly() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = full(arena, 4);

            MappedMemory.discard(memory, 0, PAGE - 1);
            MappedMemory.discard(memory, 1, PAGE - 1);
            MappedMemory.discard(memory, 1, 2 * PAGE - 2);
            MappedMemory.discard(memory, PAGE, 0);
            long before = zeros(memory);
            MappedMemory.discard(memory, PAGE - 1, PAGE + 2);

            assertThat(before).isZero();
            assertThat(zeros(memory.asSlice(PAGE, PAGE))).isEqualTo(PAGE);
            assertThat(zeros(memory)).isEqualTo(PAGE);
        }
    }

    @Test
    void discardsWhatAnArenaAllocated() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(1 << 20, PAGE).fill(FULL);

            MappedMemory.discard(memory, 0, memory.byteSize());

            assertThat(zeros(memory)).isEqualTo(1 << 20);
        }
    }

    @Test
    void discardsWhatAFileInMemoryHas() {
        try (Arena arena = Arena.ofConfined();
                MemoryFile file = new MemoryFile("test", 4 * PAGE)) {
            MemorySegment memory = file.map(arena).fill(FULL);

            MappedMemory.discard(memory, PAGE, PAGE);

            assertThat(zeros(memory)).isEqualTo(PAGE);
            assertThat(zeros(file.map(arena))).isEqualTo(PAGE);
        }
    }

    @Test
    void isTheFile_andNotWrittenToIt_whenItWasReplaced() {
        try (Arena arena = Arena.ofShared();
                MemoryFile file = new MemoryFile("test", 4 * PAGE)) {
            MemorySegment memory = file.map(arena).fill(FULL);

            Runnable frees = file.replace(memory);
            file.seal();
            memory.set(JAVA_BYTE, PAGE, (byte) 2);
            frees.run();

            assertThat(memory.get(JAVA_BYTE, 0)).isEqualTo(FULL);
            assertThat(memory.get(JAVA_BYTE, PAGE)).isEqualTo((byte) 2);
            assertThatExceptionOfType(ErrnoException.class).isThrownBy(() -> file.map(arena));
        }
    }

    @Test
    void canBeUsedAgain_afterItWasDiscarded() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = full(arena, 2);

            MappedMemory.discard(memory, 0, 2 * PAGE);
            memory.fill(FULL);

            assertThat(zeros(memory)).isZero();
        }
    }

    @Test
    void refusesARange_outsideTheMemory() {
        MemorySegment memory;
        try (Arena arena = Arena.ofConfined()) {
            memory = full(arena, 2);

            assertThatExceptionOfType(IndexOutOfBoundsException.class)
                    .isThrownBy(() -> MappedMemory.discard(memory, PAGE, PAGE + 1));
            assertThatExceptionOfType(IndexOutOfBoundsException.class)
                    .isThrownBy(() -> MappedMemory.discard(memory, -PAGE, PAGE));
        }
        assertThatIllegalStateException().isThrownBy(() -> MappedMemory.discard(memory, 0, PAGE));
    }
}
