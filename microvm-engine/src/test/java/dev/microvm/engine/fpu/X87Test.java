package dev.microvm.engine.fpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.fpu.X87Arithmetic.Operation;
import dev.microvm.engine.fpu.X87Transfers.Constant;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** Intel SDM vol. 1, chapter 8: the stack, faults, images. */
final class X87Test {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

    private final X87 f = new X87();

    private double st(int i) {
        X87 copy = new X87();
        copy.set(0, f.signExponent(i), f.significand(i));
        X87Transfers.prepareDouble(copy);
        return Double.longBitsToDouble(X87Transfers.low(copy));
    }

    private void push(double value) {
        X87Transfers.fldDouble(f, Double.doubleToRawLongBits(value));
    }

    @Test
    void isEmpty_afterInitialization() {
        push(1);
        f.initialize();

        assertThat(f.control()).isEqualTo(0x37f);
        assertThat(f.status()).isZero();
        assertThat(X87Images.tagWord(f)).isEqualTo(0xffff);
    }

    @Test
    void addsAndPops() {
        push(1.5);
        push(2.25);

        X87Arithmetic.operate(f, Operation.ADD, 1, 0, true);

        assertThat(st(0)).isEqualTo(3.75);
        assertThat(f.isEmpty(1)).isTrue();
    }

    @Test
    void givesTheIndefinite_whenTheStackIsFull() {
        for (int i = 0; i < 8; i++) push(i);

        push(8);

        assertThat(f.status() & 0xff).isEqualTo(0x41);
        assertThat(f.status() & X87.C1).as("overflow").isNotZero();
        assertThat(st(0)).isNaN();
        assertThat(st(1)).isEqualTo(7);
    }

    @Test
    void leavesTheStack_whenAFaultOfItIsNotMasked() {
        f.control(0x37e);

        X87Arithmetic.operate(f, Operation.ADD, 0, 1, false);

        assertThat(f.errorPending()).isTrue();
        assertThat(f.status()).isEqualTo(X87.BUSY | X87.ERROR_SUMMARY | X87.STACK_FAULT | 1);
        assertThat(f.used()).isZero();
        f.clearExceptions();
        assertThat(f.errorPending()).isFalse();
    }

    @Test
    void sees_thatAnExceptionIsNoLongerMasked() {
        push(1);
        push(0);
        X87Arithmetic.operate(f, Operation.DIVIDE, 1, 0, true);
        assertThat(f.errorPending()).isFalse();

        f.control(0x37b);

        assertThat(f.errorPending()).isTrue();
    }

    @Test
    void roundsToFewerBits_whenPrecisionIsControlled() {
        f.control(0x07f); // 24 bits
        push(1);
        push(3);

        X87Arithmetic.operate(f, Operation.DIVIDE, 1, 0, true);

        assertThat(st(0)).isEqualTo((double) (1 / 3f));
    }

    @Test
    void storesNothing_untilMemoryWasWritten() {
        push(1e300);

        boolean writes = X87Transfers.prepareFloat(f);

        assertThat(writes).isTrue();
        assertThat(f.status() & 0x3f).isZero();
        X87Transfers.finishStore(f, true, true);
        assertThat(f.status() & 0x3f).as("OE and PE").isEqualTo(0x28);
        assertThat(f.used()).isZero();
    }

    @Test
    void doesNotStoreNorPop_whenTheExceptionIsNotMasked() {
        f.control(0x377); // overflow
        push(1e300);

        boolean writes = X87Transfers.prepareFloat(f);
        X87Transfers.finishStore(f, writes, true);

        assertThat(writes).isFalse();
        assertThat(f.isEmpty(0)).isFalse();
        assertThat(f.errorPending()).isTrue();
    }

    @Test
    void storesPackedDecimals() {
        push(-1234567890);

        assertThat(X87Transfers.prepareBcd(f)).isTrue();

        assertThat(X87Transfers.low(f)).isEqualTo(0x12_3456_7890L);
        assertThat(X87Transfers.high(f)).isEqualTo(0x8000);
    }

    @Test
    void isTheMmxRegisters() {
        X87Transfers.fldConstant(f, Constant.ONE);
        f.enterMmx();
        f.mmx(3, 0x1234);

        assertThat(f.status()).as("TOP is 0").isZero();
        assertThat(X87Images.tagWord(f) & 0b11 << 6)
                .as("neither empty nor valid")
                .isEqualTo(0b10 << 6);
        assertThat(f.signExponent(3)).isEqualTo(0xffff);
        f.emptyMmx();
        assertThat(X87Images.tagWord(f)).isEqualTo(0xffff);
    }

    @Test
    void keepsPointers_inEveryImage() {
        f.note(0x1d8, 0x33, 0x1_2345_6789L, 0x2b, 0x2_abcd_ef01L);
        byte[] fx = new byte[512];
        X87Images.storeFx(f, MemorySegment.ofArray(fx), true);
        X87 other = new X87();
        X87Images.loadFx(other, MemorySegment.ofArray(fx), true);
        assertThat(other.instructionPointer()).isEqualTo(0x1_2345_6789L);
        assertThat(other.operandPointer()).isEqualTo(0x2_abcd_ef01L);

        MemorySegment environment = MemorySegment.ofArray(new byte[28]);
        X87Images.storeEnvironment(f, environment, true, false);
        assertThat(environment.get(INT, 12)).isEqualTo(0x2345_6789);
        assertThat(environment.get(INT, 16)).isEqualTo(0x1d8 << 16 | 0x33);
        assertThat(environment.get(INT, 20)).isEqualTo(0xabcd_ef01);
        assertThat(environment.get(SHORT, 24)).isEqualTo((short) 0x2b);
        assertThat(f.control()).as("all masked").isEqualTo(0x37f);
    }

    @Test
    void keepsLinearPointers_inRealMode() {
        f.note(0x1d8, 0, 0x1_2345L, 0, 0xf_edcbL);
        for (boolean wide : new boolean[] {false, true}) {
            MemorySegment environment = MemorySegment.ofArray(new byte[28]);
            X87Images.storeEnvironment(f, environment, wide, true);
            X87 other = new X87();
            X87Images.loadEnvironment(other, environment, wide, true);

            assertThat(other.instructionPointer()).isEqualTo(0x1_2345L);
            assertThat(other.operandPointer()).isEqualTo(0xf_edcbL);
            assertThat(other.opcode()).isEqualTo(0x1d8);
        }
    }

    @Test
    void savesAndRestores_inEitherSize() {
        push(1);
        push(-2.5);
        f.free(1);
        for (boolean wide : new boolean[] {false, true}) {
            MemorySegment image = MemorySegment.ofArray(new byte[108]);
            X87Images.save(f, image, wide, false);
            assertThat(f.used()).as("initialized").isZero();

            X87Images.restore(f, image, wide, false);

            assertThat(st(0)).isEqualTo(-2.5);
            assertThat(f.isEmpty(1)).isTrue();
        }
    }
}
