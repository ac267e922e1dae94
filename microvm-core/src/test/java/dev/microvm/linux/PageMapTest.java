package dev.microvm.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class PageMapTest {
    private static final long PAGE = Libc.getpagesize();
    private static final int PAGES = 8192; // more ranges than one call returns, if each second one is written

    private static void touch(MemorySegment memory, int page) {
        memory.set(JAVA_BYTE, page * PAGE, (byte) 1);
    }

    private static byte read(MemorySegment memory, int page) {
        return memory.get(JAVA_BYTE, page * PAGE);
    }

    @Test
    void findsWhatWasTouched_inAnonymousMemory() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = MappedMemory.anonymous(PAGES * PAGE, arena);
            BitSet expected = new BitSet();
            for (int page : new int[] {0, 1, 2, 100, PAGES - 1}) {
                touch(memory, page);
                expected.set(page);
            }

            BitSet own = PageMap.ownPages(memory);
            assertThat(PageMap.readOwnPages(memory)).isEqualTo(own);
            own.and(expected); // a huge page has more
            assertThat(own).isEqualTo(expected);
        }
    }

    @Test
    void findsNothing_inMemoryThatNobodyTouched() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            assertThat(PageMap.ownPages(MappedMemory.anonymous(PAGES * PAGE, arena)))
                    .isEqualTo(new BitSet());
        }
    }

    @Test
    void findsWhatWasWritten_inAPrivateCopyOfAFile() throws IOException {
        try (MemoryFile file = new MemoryFile("test", PAGES * PAGE);
                Arena arena = Arena.ofConfined()) {
            MemorySegment content = file.map(arena);
            for (int page = 0; page < PAGES; page++) touch(content, page);
            MemorySegment copy = MappedMemory.privateOf(file.path(), PAGES * PAGE, arena);
            Random random = new Random(1);
            BitSet written = new BitSet();
            for (int i = 0; i < PAGES / 2; i++) {
                int page = random.nextInt(PAGES);
                touch(copy, page);
                written.set(page);
            }
            long sum = 0;
            for (int page = 0; page < PAGES; page++) sum += read(copy, page);

            assertThat(sum).isEqualTo(PAGES);
            assertThat(PageMap.ownPages(copy)).isEqualTo(written);
            assertThat(PageMap.readOwnPages(copy)).isEqualTo(written);
        }
    }
}
