package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class PcLayoutTest {
    @Test
    void givesNoVirtioDeviceTheInterruptOfTheClock_withoutAcpi() {
        IntStream gsis = IntStream.range(0, PcLayout.VIRTIO_SLOTS)
                .map(slot -> PcLayout.virtioGsi(slot, PcLayout.VIRTIO_SLOTS, false));

        assertThat(gsis).containsExactly(5, 6, 7, 9, 10, 11, 12, 14);
    }
}
