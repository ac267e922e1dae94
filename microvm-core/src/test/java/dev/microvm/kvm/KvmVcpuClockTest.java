package dev.microvm.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.LapicState;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a local APIC's page shows of its timer, in places where KVM's own page leaves it open. */
final class KvmVcpuClockTest {
    // Intel SDM vol. 3A, table 11-1 and figure 11-8
    private static final int ISR = 0x100;
    private static final int IRR = 0x200;
    private static final int LVT_TIMER = 0x320;
    private static final int INITIAL_COUNT = 0x380;
    private static final int CURRENT_COUNT = 0x390;
    private static final int VECTOR = 0xec; // as Linux has it
    private static final int VECTOR_REGISTER = 0x70;
    private static final int VECTOR_BIT = 1 << 12;
    private static final int MASKED = 1 << 16;

    private final ByteBuffer page = ByteBuffer.allocate(LapicState.SIZE).order(ByteOrder.LITTLE_ENDIAN);

    KvmVcpuClockTest() {
        page.putInt(LVT_TIMER, VECTOR).putInt(INITIAL_COUNT, 1_000_000);
    }

    private int shown(int count) {
        byte[] shown =
                KvmVcpuClock.withCount(new LapicState(page.array()), count).registers();
        return ByteBuffer.wrap(shown).order(ByteOrder.LITTLE_ENDIAN).getInt(CURRENT_COUNT);
    }

    @Test
    void isDueWithTheNextTick_whenAOneShotTimerIsAtZero() {
        assertThat(shown(0)).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 500_000, -1})
    void showsTheCount_whenTheTimerRuns(int count) {
        assertThat(shown(count)).isEqualTo(count);
    }

    @ParameterizedTest
    @ValueSource(ints = {IRR, ISR})
    void isNotDueAgain_whenItsInterruptIsOnItsWayOrServed(int set) {
        page.putInt(set + VECTOR_REGISTER, VECTOR_BIT);

        assertThat(shown(0)).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {IRR, ISR})
    void isDue_whenTheInterruptIsOfAnotherVector(int set) {
        page.putInt(set + VECTOR_REGISTER, ~VECTOR_BIT).putInt(set, -1);

        assertThat(shown(0)).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "1000000, 0x10000", "1000000, 0x20000", "1000000, 0x40000"})
    void isNotDue_whenStoppedOrMaskedOrInAnotherMode(int initialCount, int bits) {
        page.putInt(INITIAL_COUNT, initialCount).putInt(LVT_TIMER, VECTOR | bits);

        assertThat(shown(0)).isZero();
    }

    @Test
    void changesNothingElse() {
        page.putInt(LVT_TIMER, VECTOR | MASKED).putInt(CURRENT_COUNT, 77);
        LapicState read = new LapicState(page.array());

        assertThat(KvmVcpuClock.withCount(read, 77)).isEqualTo(read);
    }
}
