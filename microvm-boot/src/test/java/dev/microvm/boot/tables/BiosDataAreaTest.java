package dev.microvm.boot.tables;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

class BiosDataAreaTest {
    @Test
    void saysWhereBaseMemoryEnds() {
        GuestMemory memory = TablesMemory.firstMiB();

        BiosDataArea.write(memory, 0x9_FC00, 1);

        assertThat(memory.getShort(0x40E)).as("segment of the extended area").isEqualTo(0x9FC0);
        assertThat(memory.getShort(0x413)).as("KiB of base memory").isEqualTo(639);
        assertThat(memory.getByte(0x9_FC00)).as("KiB of the extended area").isEqualTo(1);
    }
}
