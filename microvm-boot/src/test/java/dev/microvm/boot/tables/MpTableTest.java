package dev.microvm.boot.tables;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

class MpTableTest {
    private static final long ADDRESS = 0xF_0000;
    private static final long TABLE = ADDRESS + 16;
    private static final long ENTRIES = TABLE + 44;

    private final GuestMemory memory = TablesMemory.firstMiB();

    @Test
    void isFoundByItsFloatingPointer() {
        new MpTable(2, 2).write(memory, ADDRESS);

        assertThat(memory.read(ADDRESS, 4)).asString().isEqualTo("_MP_");
        assertThat(memory.getInt(ADDRESS + 4)).isEqualTo((int) TABLE);
        assertThat(TablesMemory.sum(memory.read(ADDRESS, 16))).isZero();
        assertThat(memory.read(TABLE, 4)).asString().isEqualTo("PCMP");
        assertThat(TablesMemory.sum(memory.read(TABLE, memory.getShort(TABLE + 4))))
                .isZero();
        assertThat(memory.getInt(TABLE + 36)).isEqualTo(0xFEE0_0000);
    }

    @Test
    void listsCpusBusAndIoApic_inThisOrder() {
        new MpTable(2, 2).write(memory, ADDRESS);

        assertThat(memory.getShort(TABLE + 34)).as("entries").isEqualTo(2 + 1 + 1 + 15 + 2);
        assertThat(memory.getInt(ENTRIES)).as("first CPU").isEqualTo(0x03_14_00_00);
        assertThat(memory.getInt(ENTRIES + 20)).as("second CPU").isEqualTo(0x01_14_01_00);
        assertThat(memory.read(ENTRIES + 40, 8)).as("bus").containsExactly(1, 0, 'I', 'S', 'A', ' ', ' ', ' ');
        assertThat(memory.getInt(ENTRIES + 48)).as("IOAPIC").isEqualTo(0x01_11_02_02);
        assertThat(memory.getInt(ENTRIES + 52)).as("its address").isEqualTo(0xFEC0_0000);
        assertThat(memory.read(ENTRIES + 56, 8)).as("timer").containsExactly(3, 0, 0, 0, 0, 0, 2, 2);
        assertThat(memory.read(ENTRIES + 64, 8)).as("keyboard").containsExactly(3, 0, 0, 0, 0, 1, 2, 1);
    }

    @Test
    void fitsItsPlace_whenThereAreAsManyCpusAsCanBe() {
        new MpTable(254, 2).write(memory, ADDRESS);

        assertThat(16 + memory.getShort(TABLE + 4)).isLessThanOrEqualTo(MpTable.MAX_SIZE);
    }

    @Test
    void refuses_whenThereAreMoreCpus() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MpTable(255, 2))
                .withMessage("an MP table has 1 to 254 CPUs, not 255");
    }
}
