package dev.microvm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.SpecialRegisters;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** What {@link Mmu#lookUp} returns in each paging mode: Intel SDM vol. 3A, 4.3 to 4.5. */
final class PageWalkTest {
    private static final long ROOT = 0x2000;
    private static final long SECOND = 0x3000;
    private static final long THIRD = 0x4000;
    private static final long LAST = 0x5000;
    private static final long P = 1;
    private static final long LARGE = 1 << 7;
    private static final long TOO_HIGH = 1L << PageWalk.PHYSICAL_BITS;

    private final BareCpu machine = new BareCpu();

    @Test
    void isTheAddressItself_withoutPaging() {
        assertThat(lookUp(0x1234_5678L)).hasValue(0x1234_5678L);
    }

    @Test
    void findsAPage_with4Levels() {
        long64();
        table(ROOT, 1, SECOND | P);
        table(SECOND, 2, THIRD | P);
        table(THIRD, 3, LAST | P);
        table(LAST, 4, 0x7_8000 | P);

        assertThat(lookUp(1L << 39 | 2L << 30 | 3L << 21 | 4L << 12 | 0x9AB)).hasValue(0x7_89AB);
    }

    @Test
    void findsLargePages_with4Levels() {
        long64();
        table(ROOT, 0, SECOND | P);
        table(SECOND, 0, THIRD | P);
        table(SECOND, 1, 0x8000_0000L | LARGE | P);
        table(THIRD, 1, 0x60_0000 | LARGE | P);

        assertThat(lookUp(0x20_1234)).hasValue(0x60_1234);
        assertThat(lookUp(0x4000_1234L)).hasValue(0x8000_1234L);
    }

    @Test
    void findsPages_ofPaePaging() {
        cpu().cr4 = SpecialRegisters.CR4_PAE;
        cpu().cr3 = ROOT;
        table(ROOT, 1, SECOND | P);
        table(SECOND, 0, THIRD | P);
        table(THIRD, 7, 0x9000 | P);
        pageProtected();

        assertThat(lookUp(0x4000_7123L)).hasValue(0x9123);
    }

    @Test
    void findsPages_of32BitPaging() {
        cpu().cr4 = SpecialRegisters.CR4_PSE;
        cpu().cr3 = ROOT;
        machine.memory.putInt(ROOT + 4, (int) (SECOND | P));
        machine.memory.putInt(ROOT + 8, (int) (0x1_00C0_0000L | LARGE | P));
        machine.memory.putInt(SECOND + 5 * 4, (int) (0xA000 | P));
        pageProtected();

        assertThat(lookUp(0x40_5678)).hasValue(0xA678);
        assertThat(lookUp(0x80_1234)).hasValue(0xC0_1234);
    }

    @Test
    void isEmpty_whereNoPageIs() {
        long64();

        assertThat(lookUp(0x1000)).isEmpty();
    }

    @Test
    void isEmpty_whereAnEntryHasReservedBits() {
        long64();
        table(ROOT, 0, SECOND | P | TOO_HIGH);

        assertThat(lookUp(0x1000)).isEmpty();
    }

    @Test
    void isEmpty_forAnAddressThatIsNotCanonical() {
        long64();
        table(ROOT, 0, SECOND | P);
        table(SECOND, 0, LARGE | P);

        assertThat(lookUp(0x1000)).hasValue(0x1000);
        assertThat(lookUp(1L << 48 | 0x1000)).isEmpty();
    }

    @Test
    void changesNothing() {
        long64();
        table(ROOT, 0, SECOND | P);
        table(SECOND, 0, LARGE | P);
        long before = cpu().cr2;

        lookUp(0x1000);
        lookUp(1L << 40);

        assertThat(machine.memory.getLong(ROOT)).isEqualTo(SECOND | P);
        assertThat(machine.memory.getLong(SECOND)).isEqualTo(LARGE | P);
        assertThat(cpu().cr2).isEqualTo(before);
    }

    private Cpu cpu() {
        return machine.cpu;
    }

    private OptionalLong lookUp(long linear) {
        return cpu().mmu.lookUp(linear);
    }

    private void table(long at, int index, long entry) {
        machine.memory.putLong(at + index * 8L, entry);
    }

    private void long64() {
        cpu().cr4 = SpecialRegisters.CR4_PAE;
        cpu().cr3 = ROOT;
        cpu().efer = SpecialRegisters.EFER_LME | SpecialRegisters.EFER_LMA;
        pageProtected();
    }

    private void pageProtected() {
        cpu().cr0 |= SpecialRegisters.CR0_PE | SpecialRegisters.CR0_PG;
        cpu().stateChanged();
    }
}
