package dev.microvm.boot.tables;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

/** {@link Gdt} and {@link PageTables}. */
class CpuTablesTest {
    private final GuestMemory memory = TablesMemory.firstMiB();

    @Test
    void hasFlatSegments_whenStartIs64Bit() {
        Gdt.LINUX.write(memory, 0x500, Gdt.LINUX.code64());

        assertThat(memory.getLong(0x500)).isZero();
        assertThat(memory.getLong(0x510)).as("code").isEqualTo(0x00AF_9B00_0000_FFFFL);
        assertThat(memory.getLong(0x518)).as("data").isEqualTo(0x00CF_9300_0000_FFFFL);
        assertThat(memory.getLong(0x520)).as("task").isEqualTo(0x0000_8B00_0000_0067L);
    }

    @Test
    void hasFlatSegments_whenStartIs32Bit() {
        Gdt.LOADER.write(memory, 0x500, Gdt.LOADER.code32());

        assertThat(memory.getLong(0x508)).as("code").isEqualTo(0x00CF_9B00_0000_FFFFL);
        assertThat(memory.getLong(0x510)).as("data").isEqualTo(0x00CF_9300_0000_FFFFL);
        assertThat(memory.getLong(0x518)).as("task").isEqualTo(0x0000_8B00_0000_0067L);
    }

    @Test
    void mapsEachPageToItself_upTo4GiB() {
        assertThat(PageTables.writeIdentity(memory, 0x9000)).isEqualTo(0x9000);

        assertThat(memory.getLong(0x9000)).isEqualTo(0xA003);
        assertThat(memory.getLong(0x9008)).isZero();
        assertThat(memory.getLong(0xA000)).isEqualTo(0xB003);
        assertThat(memory.getLong(0xA018)).isEqualTo(0xE003);
        assertThat(memory.getLong(0xA020)).isZero();
        assertThat(memory.getLong(0xB000)).isEqualTo(0x83);
        assertThat(memory.getLong(0xB008)).isEqualTo(0x20_0083);
        assertThat(memory.getLong(0xEFF8)).isEqualTo(0xFFE0_0083L);
        assertThat(memory.getLong(0xF000)).as("what is behind them").isZero();
    }
}
