package dev.microvm.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.hypervisor.IrqRoute;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Tables of variable length as KVM reads them, word by word: include/uapi/linux/kvm.h. */
final class KvmTablesTest {
    @AutoClose
    private final Arena arena = Arena.ofConfined();

    @Test
    void laysOutCpuid_asStructKvmCpuid2() {
        List<CpuidEntry> entries = List.of(
                new CpuidEntry(1, 0, /* indexed= */ false, 0x11, 0x12, 0x13, 0x14),
                new CpuidEntry(0xb, 1, /* indexed= */ true, 0x21, 0x22, 0x23, 0x24));

        int[] words = KvmCpuid.encode(entries, arena).toArray(JAVA_INT);

        assertThat(words)
                .containsExactly(
                        2, 0, // how many, padding
                        1, 0, 0, 0x11, 0x12, 0x13, 0x14, 0, 0, 0, // function, index, flags, four registers, padding
                        0xb, 1, 1, 0x21, 0x22, 0x23, 0x24, 0, 0, 0); // flag 1: the index counts
    }

    @Test
    void laysOutRoutes_asStructKvmIrqRouting() {
        List<IrqRoute> routes = List.of(
                new IrqRoute.Pin(4, IrqRoute.Chip.PIC_MASTER, 4),
                new IrqRoute.Pin(12, IrqRoute.Chip.PIC_SLAVE, 5),
                new IrqRoute.Pin(20, IrqRoute.Chip.IOAPIC, 20),
                new IrqRoute.Msi(24, 0x1_fee0_1000L, 0x4041));

        int[] words = KvmRoutes.encode(routes, arena).toArray(JAVA_INT);

        assertThat(words)
                .containsExactly(
                        4,
                        0, // how many, flags
                        4,
                        1,
                        0,
                        0,
                        0,
                        4,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0, // GSI, to a chip's pin, flags, padding; chip 0, pin
                        12,
                        1,
                        0,
                        0,
                        1,
                        5,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        20,
                        1,
                        0,
                        0,
                        2,
                        20,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        24,
                        2,
                        0,
                        0,
                        0xfee0_1000,
                        1,
                        0x4041,
                        0,
                        0,
                        0,
                        0,
                        0); // to a message
    }

    @Test
    void laysOutNothing_whenThereIsNoRoute() {
        assertThat(KvmRoutes.encode(List.of(), arena).toArray(JAVA_INT)).containsExactly(0, 0);
    }
}
