package dev.microvm.cli.firecracker.vm;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class CpuTemplateTest {
    @Test
    void setsTheBitsOfABitmap_andKeepsTheOthers() {
        assertThat(CpuTemplate.apply("0bxx01", 0b1110)).isEqualTo(0b1101);
        assertThat(CpuTemplate.apply("0b1_0", 0)).isEqualTo(0b10);
        assertThat(CpuTemplate.apply("0b" + "1".repeat(32), 0)).isEqualTo(-1);
    }
}
