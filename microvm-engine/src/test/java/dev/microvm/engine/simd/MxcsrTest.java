package dev.microvm.engine.simd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Intel SDM vol. 1, 10.2.3 and 11.5. */
final class MxcsrTest {
    private static final long ONE = Double.doubleToRawLongBits(1);
    private static final long THREE = Double.doubleToRawLongBits(3);
    private static final long MOST = Double.doubleToRawLongBits(Double.MAX_VALUE);

    private final Mxcsr m = new Mxcsr();
    private final long[] r = new long[4];

    private boolean apply(FloatOperation operation, long a, long b) {
        r[0] = a;
        return operation.operation().apply(r, 0, b, 0, m);
    }

    @Test
    void masksAll_andRoundsToNearest_afterReset() {
        assertThat(m.value()).isEqualTo(0x1f80);
    }

    @Test
    void keepsFlags_untilTheyAreWritten() {
        apply(FloatOperation.DIVSD, ONE, THREE);
        apply(FloatOperation.ADDSD, ONE, ONE);

        assertThat(m.value()).isEqualTo(0x1fa0);
        m.value(0x1f80);
        apply(FloatOperation.ADDSD, ONE, ONE);
        assertThat(m.value()).isEqualTo(0x1f80);
    }

    @Test
    void knowsExactFromInexact_withoutTheSlowPath() {
        for (FloatOperation exact : new FloatOperation[] {
            FloatOperation.ADDSD, FloatOperation.SUBSD, FloatOperation.MULSD, FloatOperation.SQRTSD
        }) {
            apply(exact, Double.doubleToRawLongBits(2.25), Double.doubleToRawLongBits(6.25));
            assertThat(m.value()).as(exact.name()).isEqualTo(0x1f80);
        }
        apply(FloatOperation.MULSD, Double.doubleToRawLongBits(0.1), Double.doubleToRawLongBits(0.1));
        assertThat(m.value()).isEqualTo(0x1fa0);
    }

    @Test
    void leavesTheDestination_whenAnExceptionIsNotMasked() {
        m.value(0x1f80 & ~(1 << 9)); // divide by zero

        assertThat(apply(FloatOperation.DIVSD, ONE, 0)).isFalse();

        assertThat(r[0]).isEqualTo(ONE);
        assertThat(m.value() & 0x3f).isEqualTo(0x04);
    }

    @Test
    void saysNothingOfResults_whenAnOperandIsToFault() {
        m.value(0x1f80 & ~(1 << 7)); // invalid
        r[0] = MOST;
        r[1] = Double.doubleToRawLongBits(Double.POSITIVE_INFINITY);

        boolean done = FloatOperation.MULPD.operation().apply(r, 0, MOST, 0, m);

        assertThat(done).isFalse();
        assertThat(m.value() & 0x3f).as("IE, and not OE of the other element").isEqualTo(0x01);
    }

    @Test
    void countsDenormalsAsZeros_whenToldTo() {
        m.value(0x1f80 | 1 << 6);

        apply(FloatOperation.ADDSD, 1, ONE);
        assertThat(r[0]).isEqualTo(ONE);
        assertThat(m.value() & 0x3f).isZero();
    }

    @Test
    void flushesTinyResultsToZero_whenToldTo() {
        m.value(0x1f80 | 1 << 15);

        apply(FloatOperation.MULSD, 0x8010_0000_0000_0000L, Double.doubleToRawLongBits(0.5));

        assertThat(r[0]).as("of its sign").isEqualTo(Long.MIN_VALUE);
        assertThat(m.value() & 0x3f).isEqualTo(0x30);
    }

    @Test
    void keepsTheFirstNan_madeQuiet() {
        apply(FloatOperation.ADDSD, 0x7ff0_0000_0000_0001L, 0x7ff8_0000_0000_0002L);

        assertThat(r[0]).isEqualTo(0x7ff8_0000_0000_0001L);
        assertThat(m.value() & 0x3f).isEqualTo(0x01);
    }
}
