package dev.microvm.boot.tables;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.tables.E820Map.Entry;
import dev.microvm.boot.tables.MultibootInfo.Module;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The bytes are read back as a kernel reads them. */
class MultibootInfoTest {
    private static final long BASE = 0x9_0000;
    private static final E820Map MAP = new E820Map(List.of(
            new Entry(0, 0x9_FC00, E820Map.Type.RAM),
            new Entry(0x9_FC00, 0x400, E820Map.Type.RESERVED),
            new Entry(0x10_0000, 63 << 20, E820Map.Type.RAM),
            new Entry(0x1_0000_0000L, 5L << 30, E820Map.Type.RAM)));

    private static ByteBuffer build(MultibootInfo info) {
        return ByteBuffer.wrap(info.build(BASE)).order(ByteOrder.LITTLE_ENDIAN);
    }

    @Test
    void saysWhichFieldsAreThere() {
        ByteBuffer info = build(new MultibootInfo("", List.of(), MAP));

        assertThat(info.getInt(0)).isEqualTo(1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
    }

    @Test
    void hasZeros_whereFieldsAreNotThere() {
        ByteBuffer info = build(new MultibootInfo("", List.of(), MAP));

        assertThat(info.getInt(12)).as("boot_device").isZero();
        for (int at = 28; at < 44; at += 4)
            assertThat(info.getInt(at)).as("syms").isZero();
        for (int at = 52; at < 64; at += 4)
            assertThat(info.getInt(at)).as("drives, config_table").isZero();
        for (int at = 68; at < 116; at += 4)
            assertThat(info.getInt(at)).as("apm, vbe, framebuffer").isZero();
    }

    @Test
    void countsMemoryInKiB() {
        ByteBuffer info = build(new MultibootInfo("", List.of(), MAP));

        assertThat(info.getInt(4)).as("mem_lower").isEqualTo(639);
        assertThat(info.getInt(8)).as("mem_upper").isEqualTo(63 << 10);
    }

    @Test
    void countsNoMemory_whenThereIsNone() {
        ByteBuffer info = build(new MultibootInfo("", List.of(), new E820Map(List.of())));

        assertThat(info.getInt(4)).isZero();
        assertThat(info.getInt(8)).isZero();
        assertThat(info.getInt(44)).isZero();
    }

    @Test
    void hasTheCommandLineAndTheLoadersName() {
        ByteBuffer info = build(new MultibootInfo("test=1 verbose", List.of(), MAP));

        assertThat(text(info, info.getInt(16))).isEqualTo("test=1 verbose");
        assertThat(text(info, info.getInt(64))).isEqualTo("microvm");
    }

    @Test
    void hasTheMemoryMap_whoseSizesDoNotCountThemselves() {
        ByteBuffer info = build(new MultibootInfo("", List.of(), MAP));

        int at = info.getInt(48) - (int) BASE;
        int end = at + info.getInt(44);
        List<String> entries = new ArrayList<>();
        while (at < end) {
            assertThat(info.getInt(at)).isEqualTo(20);
            entries.add("%x+%x %d".formatted(info.getLong(at + 4), info.getLong(at + 12), info.getInt(at + 20)));
            at += info.getInt(at) + 4;
        }
        assertThat(at).isEqualTo(end);
        assertThat(entries).containsExactly("0+9fc00 1", "9fc00+400 2", "100000+3f00000 1", "100000000+140000000 1");
    }

    @Test
    void listsTheModules() {
        ByteBuffer info = build(new MultibootInfo(
                "",
                List.of(new Module(0x20_0000, 0x20_0123, "one a=b"), new Module(0xBFFF_F000L, 0xC000_0000L, "")),
                MAP));

        assertThat(info.getInt(20)).isEqualTo(2);
        int at = info.getInt(24) - (int) BASE;
        assertThat(info.getInt(at)).isEqualTo(0x20_0000);
        assertThat(info.getInt(at + 4)).isEqualTo(0x20_0123);
        assertThat(text(info, info.getInt(at + 8))).isEqualTo("one a=b");
        assertThat(info.getInt(at + 12)).isZero();
        assertThat(info.getInt(at + 16)).isEqualTo(0xBFFF_F000);
        assertThat(info.getInt(at + 20)).isEqualTo(0xC000_0000);
        assertThat(text(info, info.getInt(at + 24))).isEmpty();
    }

    /** The string at a guest-physical address, up to its zero, which is within the bytes. */
    private static String text(ByteBuffer info, int address) {
        int start = address - (int) BASE;
        int end = start;
        while (info.get(end) != 0) end++;
        byte[] bytes = new byte[end - start];
        info.get(start, bytes);
        return new String(bytes, StandardCharsets.US_ASCII);
    }
}
