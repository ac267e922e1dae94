package dev.microvm.engine.simd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.oracle.Check;
import dev.microvm.engine.oracle.NativeOracle;
import dev.microvm.engine.oracle.NativeState;
import dev.microvm.engine.oracle.Operands;
import java.io.IOException;
import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Integer instructions of MMX and SSE do what they do on the real processor. */
final class PackedOracleTest {
    private static final int STATES = Integer.getInteger("microvm.oracle.batches", 1) > 1 ? 4096 : 1024;
    private static final long SEED = Long.getLong("microvm.oracle.seed", 20_261_121);
    private static final int MODRM_0_1 = 0xc1; // register 0 is the destination, register 1 the source

    private static NativeOracle oracle;

    private final NativeState states = new NativeState(STATES);
    private final long[][] before = new long[STATES][6];
    private final Operands operands = new Operands(SEED);

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

    /** XMM0 to XMM2 of each state. */
    private void fill() {
        states.reset();
        for (int i = 0; i < STATES; i++) {
            for (int half = 0; half < 6; half++) {
                long value = half > 1 && half < 4 && operands.random().nextInt(4) == 0
                        ? before[i][half - 2]
                        : operands.packed();
                before[i][half] = value;
                states.xmm(i, half, value);
            }
        }
    }

    private void run(byte[] code) throws IOException {
        oracle.run(code, states.bytes(), STATES);
    }

    private String name(Object operation, int i) {
        return "%s of %016x_%016x and %016x_%016x, XMM2 %016x_%016x, seed %d"
                .formatted(
                        operation,
                        before[i][1],
                        before[i][0],
                        before[i][3],
                        before[i][2],
                        before[i][5],
                        before[i][4],
                        SEED);
    }

    private static int prefixed(int opcode) {
        return opcode < 0x1_0000 ? opcode | 0x66_0000 : opcode | 0x6600_0000;
    }

    @ParameterizedTest
    @EnumSource
    void xmm(PackedOperation operation) throws IOException {
        fill();
        run(code(prefixed(operation.opcode()), MODRM_0_1));

        for (int i = 0; i < STATES; i++) {
            long[] r = before[i].clone();
            operation.xmm().apply(r, 0, r[2], r[3]);
            assertXmm0(operation, i, r[0], r[1]);
        }
    }

    private void assertXmm0(Object operation, int i, long lo, long hi) {
        at(i, operation, lo, states.xmm(i, 0));
        at(i, operation, hi, states.xmm(i, 1));
    }

    private void at(int i, Object operation, long actual, long expected) {
        Check.same(actual, expected, () -> name(operation, i));
    }

    @ParameterizedTest
    @EnumSource
    void xmm_whenBothOperandsAreOneRegister(PackedOperation operation) throws IOException {
        fill();
        run(code(prefixed(operation.opcode()), 0xc0));

        for (int i = 0; i < STATES; i++) {
            long[] r = before[i].clone();
            operation.xmm().apply(r, 0, r[0], r[1]);
            assertXmm0(operation, i, r[0], r[1]);
        }
    }

    @ParameterizedTest
    @EnumSource
    void mmx(PackedOperation operation) throws IOException {
        if (!operation.isOnMmx()) return;
        for (int i = 0; i < STATES; i++) {
            states.tags(i, 0xff);
            for (int n = 0; n < 2; n++) {
                before[i][2 * n] = operands.packed();
                states.st(i, n, 0xffff, before[i][2 * n]);
            }
        }
        run(code(operation.opcode(), MODRM_0_1));

        for (int i = 0; i < STATES; i++) {
            at(i, operation, operation.mmx().apply(before[i][0], before[i][2]), states.significand(i, 0));
        }
    }

    @ParameterizedTest
    @EnumSource
    void xmmWithImmediate(PackedImmediateOperation operation) throws IOException {
        for (int immediate = 0;
                immediate < 256;
                immediate += 1 + operands.random().nextInt(10)) {
            fill();
            run(code(operation.opcode(), MODRM_0_1, immediate));
            for (int i = 0; i < STATES; i++) {
                long[] r = before[i].clone();
                operation.apply(r, 0, r[2], r[3], immediate);
                assertXmm0(operation + " " + immediate, i, r[0], r[1]);
            }
        }
    }

    @Test
    void shiftsByBytes() throws IOException {
        for (int bytes = 0; bytes <= 20; bytes++) {
            fill();
            run(code(0x660f73, 0xd8, bytes));
            for (int i = 0; i < STATES; i++) {
                long[] r = before[i].clone();
                PackedShift.psrldq(r, 0, bytes);
                assertXmm0("psrldq " + bytes, i, r[0], r[1]);
            }
            fill();
            run(code(0x660f73, 0xf8, bytes));
            for (int i = 0; i < STATES; i++) {
                long[] r = before[i].clone();
                PackedShift.pslldq(r, 0, bytes);
                assertXmm0("pslldq " + bytes, i, r[0], r[1]);
            }
        }
    }

    @Test
    void mmxWithImmediate() throws IOException {
        for (int immediate = 0; immediate < 256; immediate += 5) {
            for (int i = 0; i < STATES; i++) {
                for (int n = 0; n < 2; n++) {
                    before[i][2 * n] = operands.packed();
                    states.st(i, n, 0xffff, before[i][2 * n]);
                    states.st(i, n + 2, 0xffff, before[i][2 * n]);
                }
                states.tags(i, 0xff);
            }
            run(new byte[] { // pshufw mm0, mm1, immediate; palignr mm2, mm3, immediate
                0x0f, 0x70, (byte) 0xc1, (byte) immediate, 0x0f, 0x3a, 0x0f, (byte) 0xd3, (byte) immediate
            });
            for (int i = 0; i < STATES; i++) {
                at(i, "pshufw " + immediate, PackedShuffle.pshufw(before[i][2], immediate), states.significand(i, 0));
                at(
                        i,
                        "palignr " + immediate,
                        PackedShift.palignr(before[i][0], before[i][2], immediate),
                        states.significand(i, 2));
            }
        }
    }

    @Test
    void blendsByXmm0() throws IOException {
        int[] opcodes = {0x660f3810, 0x660f3814, 0x660f3815};
        for (int opcode : opcodes) {
            fill();
            run(code(opcode, 0xca)); // XMM1 from XMM2
            for (int i = 0; i < STATES; i++) {
                for (int half = 0; half < 2; half++) {
                    long a = before[i][2 + half];
                    long b = before[i][4 + half];
                    long mask = before[i][half];
                    long blended = switch (opcode) {
                        case 0x660f3810 -> PackedShuffle.pblendvb(a, b, mask);
                        case 0x660f3814 -> PackedShuffle.blendvps(a, b, mask);
                        default -> PackedShuffle.blendvpd(a, b, mask);
                    };
                    at(i, opcode, blended, states.xmm(i, 2 + half));
                }
            }
        }
    }

    @Test
    void duplicates() throws IOException {
        int[] opcodes = {0xf20f12, 0xf30f12, 0xf30f16};
        XmmOperation[] operations = {PackedShuffle::movddup, PackedShuffle::movsldup, PackedShuffle::movshdup};
        for (int n = 0; n < opcodes.length; n++) {
            fill();
            run(code(opcodes[n], MODRM_0_1));
            for (int i = 0; i < STATES; i++) {
                long[] r = before[i].clone();
                operations[n].apply(r, 0, r[2], r[3]);
                assertXmm0(Integer.toHexString(opcodes[n]), i, r[0], r[1]);
            }
        }
    }

    @Test
    void gathersSigns() throws IOException {
        fill();
        // pmovmskb eax, xmm0; movmskps ebx, xmm0; movmskpd ecx, xmm0; ptest xmm0, xmm1
        run(new byte[] {
            0x66,
            0x0f,
            (byte) 0xd7,
            (byte) 0xc0,
            0x0f,
            0x50,
            (byte) 0xd8,
            0x66,
            0x0f,
            0x50,
            (byte) 0xc8,
            0x66,
            0x0f,
            0x38,
            0x17,
            (byte) 0xc1
        });
        for (int i = 0; i < STATES; i++) {
            long lo = before[i][0];
            long hi = before[i][1];
            at(i, "movmsk", PackedCompare.pmovmskb(lo, hi), states.register(i, NativeState.RAX));
            at(i, "movmsk", PackedCompare.movmskps(lo, hi), states.register(i, NativeState.RBX));
            at(i, "movmsk", PackedCompare.movmskpd(lo, hi), states.register(i, NativeState.RCX));
            assertThat(PackedCompare.ptestZero(lo, hi, before[i][2], before[i][3]))
                    .isEqualTo((states.flags(i) & 0x40) != 0);
            assertThat(PackedCompare.ptestCarry(lo, hi, before[i][2], before[i][3]))
                    .isEqualTo((states.flags(i) & 1) != 0);
        }
    }

    @Test
    void sumsCrc32() throws IOException {
        fill();
        for (int i = 0; i < STATES; i++) {
            for (int n = 0; n < 4; n++) states.register(i, n, before[i][n]);
        }
        // crc32 eax, bl; crc32 ecx, edx; crc32 rdx, rbx
        run(new byte[] {
            (byte) 0xf2,
            0x0f,
            0x38,
            (byte) 0xf0,
            (byte) 0xc3,
            (byte) 0xf2,
            0x0f,
            0x38,
            (byte) 0xf1,
            (byte) 0xca,
            (byte) 0xf2,
            0x48,
            0x0f,
            0x38,
            (byte) 0xf1,
            (byte) 0xd3
        });
        for (int i = 0; i < STATES; i++) {
            long[] g = before[i];
            at(i, "crc32", Integer.toUnsignedLong(Crc32.crc32((int) g[0], g[1], 1)), states.register(i, 0));
            at(i, "crc32", Integer.toUnsignedLong(Crc32.crc32((int) g[2], g[3], 4)), states.register(i, 2));
            at(i, "crc32", Integer.toUnsignedLong(Crc32.crc32((int) g[3], g[1], 8)), states.register(i, 3));
        }
    }

    @Test
    void insertsAndExtracts() throws IOException {
        int[] widths = {8, 16, 32};
        int[] inserts = {0x660f3a20, 0x660fc4, 0x660f3a22};
        int[] extracts = {0x660f3a14, 0x660f3a15, 0x660f3a16};
        for (int n = 0; n < widths.length; n++) {
            for (int index = 0; index < 256; index += 7) {
                fill();
                for (int i = 0; i < STATES; i++) states.register(i, NativeState.RBX, before[i][4]);
                byte[] insert = code(inserts[n], 0xc3, index); // xmm0, ebx
                byte[] both = Arrays.copyOf(insert, insert.length + 6);
                System.arraycopy(code(extracts[n], 0xc8, index), 0, both, insert.length, 6); // eax, xmm1
                run(both);
                for (int i = 0; i < STATES; i++) {
                    long[] r = before[i].clone();
                    PackedShuffle.insert(r, 0, r[4], index, widths[n]);
                    assertXmm0("insert " + widths[n], i, r[0], r[1]);
                    long extracted = PackedShuffle.extract(r[2], r[3], index, widths[n]);
                    at(i, "extract " + widths[n], extracted, states.register(i, NativeState.RAX));
                }
            }
        }
    }
}
