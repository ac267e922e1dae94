package dev.microvm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.boot.tables.E820Map;
import dev.microvm.boot.tables.E820Map.Entry;
import org.junit.jupiter.api.Test;

class BootLayoutTest {
    @Test
    void endsWithRamBelow3GiB_whenThereIsLittle() {
        assertThat(BootLayout.memoryMap(128L << 20).entries())
                .containsExactly(
                        new Entry(0, 0x9_FC00, E820Map.Type.RAM),
                        new Entry(0x9_FC00, 0x400, E820Map.Type.RESERVED),
                        new Entry(0xE_0000, 0x2_0000, E820Map.Type.RESERVED),
                        new Entry(0x10_0000, (128L << 20) - 0x10_0000, E820Map.Type.RAM));
    }

    @Test
    void putsTheRestAt4GiB_whenThereIsMore() {
        assertThat(BootLayout.memoryMap(5L << 30).entries())
                .endsWith(
                        new Entry(0x10_0000, 0xC000_0000L - 0x10_0000, E820Map.Type.RAM),
                        new Entry(0x1_0000_0000L, 2L << 30, E820Map.Type.RAM));
    }

    @Test
    void refuses_whenThereIsNoRamAbove1MiB() {
        assertThatIllegalArgumentException().isThrownBy(() -> BootLayout.memoryMap(0x10_0000));
    }
}
