package dev.microvm.engine.simd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.oracle.Check;
import dev.microvm.engine.oracle.NanChoice;
import dev.microvm.engine.oracle.NativeOracle;
import dev.microvm.engine.oracle.NativeState;
import dev.microvm.engine.oracle.Operands;
import java.io.IOException;
import java.util.Arrays;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Floating-point instructions of SSE give the results and the flags of the real processor, under
 * any MXCSR.
 */
final class FloatOracleTest {
    private static final int STATES = 4096;
    private static final int BATCHES = Integer.getInteger("microvm.oracle.batches", 1);
    private static final long SEED = Long.getLong("microvm.oracle.seed", 20_261_121);
    private static final int MODRM_0_1 = 0xc1; // register 0 is the destination, register 1 the source
    private static final int ALL_MASKED = 0x1f80;
    private static final Set<FloatOperation> APPROXIMATIONS =
            Set.of(FloatOperation.RCPPS, FloatOperation.RCPSS, FloatOperation.RSQRTPS, FloatOperation.RSQRTSS);

    private static NativeOracle oracle;

    private final NativeState states = new NativeState(STATES);
    private final long[][] before = new long[STATES][4];
    private final int[] mxcsr = new int[STATES];
    private final Operands operands = new Operands(SEED);
    private final Mxcsr m = new Mxcsr();

    @BeforeAll
    static void start() throws IOException, InterruptedException {
        oracle = NativeOracle.start();
    }

    @AfterAll
    static void stop() throws IOException {
        if (oracle != null) oracle.close();
    }

    private static byte[] code(int opcode, int... rest) {
        byte[] bytes = new byte[5 + rest.length];
        int length = 0;
        for (int shift = 24; shift >= 0; shift -= 8) {
            if (opcode >>> shift != 0) bytes[length++] = (byte) (opcode >>> shift);
        }
        for (int b : rest) bytes[length++] = (byte) b;
        return Arrays.copyOf(bytes, length);
    }

    /**
     * Fills XMM0 and XMM1 with floats or doubles or, in the last case, with integers, and MXCSR
     * with anything.
     */
    private void fill(int kind) {
        states.reset();
        for (int i = 0; i < STATES; i++) {
            for (int half = 0; half < 4; half++) {
                before[i][half] = switch (kind) {
                    case 0 -> operands.floats32();
                    case 1 -> operands.float64();
                    default -> operands.packed() >> operands.random().nextInt(64);
                };
                states.xmm(i, half, before[i][half]);
            }
            mxcsr[i] = anyMxcsr(i);
            states.mxcsr(i, mxcsr[i]);
        }
    }

    private int anyMxcsr(int i) {
        return switch (i & 3) {
            case 0 -> ALL_MASKED;
            case 1 -> ALL_MASKED | (operands.random().nextInt() & 0xe07f);
            case 2 -> ALL_MASKED | (operands.random().nextInt() & 0x6000);
            default -> operands.random().nextInt() & 0xffc0;
        };
    }

    private String name(Object operation, int i) {
        return "%s of %016x_%016x and %016x_%016x, MXCSR %04x, seed %d"
                .formatted(operation, before[i][1], before[i][0], before[i][3], before[i][2], mxcsr[i], SEED);
    }

    private void check(Object operation, int i, long[] r, boolean done) {
        Check.same(r[0], states.xmm(i, 0), () -> name(operation, i) + ", low half");
        Check.same(r[1], states.xmm(i, 1), () -> name(operation, i) + ", high half");
        checkFlags(operation, i, done);
    }

    /**
     * Takes over the NaNs of the real processor where a dot product is one: which of several is
     * left open.
     */
    private void acceptNans(FloatImmediateOperation operation, int i, long[] r) {
        for (int half = 0; half < 2; half++) {
            long real = states.xmm(i, half);
            boolean same = operation == FloatImmediateOperation.DPPD
                    ? NanChoice.allowsDouble(r[half], real)
                    : NanChoice.allowsFloats(r[half], real);
            if (same) r[half] = real;
        }
    }

    private void checkFlags(Object operation, int i, boolean done) {
        Check.same(m.value(), states.mxcsr(i), () -> name(operation, i) + ", MXCSR");
        Check.same(done ? 0 : 1, states.trapped(i) ? 1 : 0, () -> name(operation, i) + ", fault");
    }

    @ParameterizedTest
    @EnumSource
    void agree(FloatOperation operation) throws IOException {
        if (APPROXIMATIONS.contains(operation)) return;
        for (int batch = 0; batch < BATCHES; batch++) {
            for (int kind = 0; kind < 3; kind++) {
                fill(kind);
                oracle.run(code(operation.opcode(), MODRM_0_1), states.bytes(), STATES);
                for (int i = 0; i < STATES; i++) {
                    long[] r = before[i].clone();
                    m.value(mxcsr[i]);
                    boolean done = operation.operation().apply(r, 0, r[2], r[3], m);
                    check(operation, i, r, done);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void agreeWithImmediate(FloatImmediateOperation operation) throws IOException {
        boolean compares = operation.name().startsWith("CMP");
        boolean rounds = operation.name().startsWith("ROUND");
        for (int n = 0; n < 16 * BATCHES; n++) {
            int immediate =
                    compares ? n & 7 : rounds ? n & 15 : operands.random().nextInt(256);
            for (int kind = 0; kind < 2; kind++) {
                fill(kind);
                oracle.run(code(operation.opcode(), MODRM_0_1, immediate), states.bytes(), STATES);
                for (int i = 0; i < STATES; i++) {
                    long[] r = before[i].clone();
                    m.value(mxcsr[i]);
                    boolean done = operation.apply(r, 0, r[2], r[3], immediate, m);
                    if (operation.name().startsWith("DPP")) acceptNans(operation, i, r);
                    check(operation + " " + immediate, i, r, done);
                }
            }
        }
    }

    @Test
    void comparisonsToFlagsAgree() throws IOException {
        int[] opcodes = {0x0f2f, 0x0f2e, 0x660f2f, 0x660f2e}; // comiss, ucomiss, comisd, ucomisd
        int[] flagsOf = {0x01, 0x40, 0x00, 0x45}; // less, equal, greater, unordered: CF, PF, ZF
        for (int opcode : opcodes) {
            boolean isDouble = opcode > 0xffff;
            for (int batch = 0; batch < BATCHES; batch++) {
                fill(isDouble ? 1 : 0);
                oracle.run(code(opcode, MODRM_0_1), states.bytes(), STATES);
                for (int i = 0; i < STATES; i++) {
                    long[] r = before[i];
                    boolean quiet = (opcode & 1) == 0;
                    m.value(mxcsr[i]);
                    int order = isDouble
                            ? FloatCompare.order(r[0], r[2], quiet, m)
                            : FloatCompare.order((int) r[0], (int) r[2], quiet, m);
                    boolean done = m.commit();
                    checkFlags(Integer.toHexString(opcode), i, done);
                    if (!done) continue;
                    int at = i;
                    Check.same(flagsOf[order + 1], states.flags(i) & 0x8d5, () -> name(opcode, at));
                }
            }
        }
    }

    @Test
    void conversionsToGeneralRegistersAgree() throws IOException {
        for (int n = 0; n < 8; n++) {
            boolean isDouble = (n & 1) != 0;
            boolean truncate = (n & 2) != 0;
            boolean wide = (n & 4) != 0;
            byte[] code = { // cvt[t]s[sd]2si rax, xmm1
                (byte) (isDouble ? 0xf2 : 0xf3),
                (byte) (wide ? 0x48 : 0x40),
                0x0f,
                (byte) (truncate ? 0x2c : 0x2d),
                (byte) 0xc1
            };
            for (int batch = 0; batch < BATCHES; batch++) {
                fill(isDouble ? 1 : 0);
                oracle.run(code, states.bytes(), STATES);
                for (int i = 0; i < STATES; i++) {
                    m.value(mxcsr[i]);
                    long value = toInteger(before[i][2], isDouble, truncate, wide);
                    boolean done = m.commit();
                    String operation = "conversion " + n;
                    checkFlags(operation, i, done);
                    int at = i;
                    if (done) Check.same(value, states.register(i, NativeState.RAX), () -> name(operation, at));
                }
            }
        }
    }

    private long toInteger(long bits, boolean isDouble, boolean truncate, boolean wide) {
        if (wide) {
            return isDouble ? FloatConvert.toInt64(bits, truncate, m) : FloatConvert.toInt64((int) bits, truncate, m);
        }
        int narrow = isDouble ? FloatConvert.toInt32(bits, truncate, m) : FloatConvert.toInt32((int) bits, truncate, m);
        return Integer.toUnsignedLong(narrow);
    }

    @Test
    void conversionsFromGeneralRegistersAgree() throws IOException {
        for (int n = 0; n < 4; n++) {
            boolean isDouble = (n & 1) != 0;
            boolean wide = (n & 2) != 0;
            byte[] code = { // cvtsi2s[sd] xmm0, rbx
                (byte) (isDouble ? 0xf2 : 0xf3), (byte) (wide ? 0x48 : 0x40), 0x0f, 0x2a, (byte) 0xc3
            };
            for (int batch = 0; batch < BATCHES; batch++) {
                fill(2);
                for (int i = 0; i < STATES; i++) states.register(i, NativeState.RBX, before[i][2]);
                oracle.run(code, states.bytes(), STATES);
                for (int i = 0; i < STATES; i++) {
                    long value = wide ? before[i][2] : (int) before[i][2];
                    long[] r = before[i].clone();
                    m.value(mxcsr[i]);
                    long bits = isDouble
                            ? FloatConvert.doubleOf(value, m)
                            : PackedShuffle.insert(r[0], FloatConvert.floatOf(value, m), 0, 32);
                    boolean done = m.commit();
                    if (done) r[0] = bits;
                    check("conversion from integer " + n, i, r, done);
                }
            }
        }
    }

    @Test
    void approximationsAreWithinTheDocumentedError() {
        for (int i = 0; i < 1_000_000; i++) {
            int bits = operands.float32();
            float value = Float.intBitsToFloat(bits);
            if (!(Math.abs(value) >= 0x1p-125f && Math.abs(value) < 0x1p125f)) continue;
            double reciprocal = Float.intBitsToFloat(Float32.reciprocal(bits));
            double root = Float.intBitsToFloat(Float32.reciprocalSqrt(bits & Integer.MAX_VALUE));
            double errors = Math.max(
                    Math.abs(reciprocal * value - 1), Math.abs(root * Math.sqrt(Math.abs((double) value)) - 1));
            if (errors > 1.5 * 0x1p-12) assertThat(errors).as("%08x", bits).isLessThanOrEqualTo(1.5 * 0x1p-12);
        }
    }

    @Test
    void approximationsOfSpecialNumbersAgree() throws IOException {
        int[] specials = {
            0,
            0x8000_0000,
            0x7f80_0000,
            0xff80_0000,
            0x7fc0_1234,
            0x7f80_1234,
            1,
            0x8000_0001,
            0x007f_ffff,
            0xbf80_0000,
            0x7f7f_ffff,
            0xff7f_ffff
        };
        for (int i = 0; i < specials.length; i++) {
            states.xmm(i, 2, Integer.toUnsignedLong(specials[i]));
            states.xmm(i, 4, Integer.toUnsignedLong(specials[i]));
        }
        // rcpss xmm1, xmm1; rsqrtss xmm2, xmm2
        byte[] code = {(byte) 0xf3, 0x0f, 0x53, (byte) 0xc9, (byte) 0xf3, 0x0f, 0x52, (byte) 0xd2};
        oracle.run(code, states.bytes(), specials.length);
        for (int i = 0; i < specials.length; i++) {
            int special = specials[i];
            int reciprocal = (int) states.xmm(i, 2);
            int root = (int) states.xmm(i, 4);
            if (special != 0xbf80_0000) {
                assertThat(Float32.reciprocal(special))
                        .as("rcpss %08x", special)
                        .isEqualTo(reciprocal);
            }
            if (special != 0x7f7f_ffff) {
                assertThat(Float32.reciprocalSqrt(special))
                        .as("rsqrtss %08x", special)
                        .isEqualTo(root);
            }
        }
    }
}
