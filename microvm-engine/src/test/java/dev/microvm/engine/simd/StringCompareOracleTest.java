package dev.microvm.engine.simd;

import dev.microvm.engine.oracle.Check;
import dev.microvm.engine.oracle.NativeOracle;
import dev.microvm.engine.oracle.NativeState;
import dev.microvm.engine.oracle.Operands;
import java.io.IOException;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** PCMPxSTRx do what they do on the real processor, under all control bytes. */
final class StringCompareOracleTest {
    private static final int STATES = 512;
    private static final long SEED = Long.getLong("microvm.oracle.seed", 20_261_121);
    private static final int ALL_FLAGS = 0x8d5; // OF SF ZF AF PF CF

    private final NativeState states = new NativeState(STATES);
    private final Operands operands = new Operands(SEED);

    @Test
    void agree() throws IOException, InterruptedException {
        try (NativeOracle oracle = NativeOracle.start()) {
            for (int control = 0; control < 128; control++) {
                for (int form = 0; form < 4; form++) compare(oracle, form, control);
            }
        }
    }

    /** Elements of a small alphabet, so that they meet, with ends. */
    private long text() {
        SplittableRandom random = operands.random();
        long r = 0;
        for (int i = 0; i < 8; i++) {
            long letter =
                    random.nextInt(12) == 0 ? 0 : random.nextInt(6) == 0 ? random.nextInt(256) : 1 + random.nextInt(3);
            r |= letter << (8 * i);
        }
        return random.nextInt(10) == 0 ? operands.packed() : r;
    }

    private void compare(NativeOracle oracle, int form, int control) throws IOException {
        long[][] before = new long[STATES][8];
        states.reset();
        for (int i = 0; i < STATES; i++) {
            for (int half = 2; half < 6; half++) before[i][half] = text();
            before[i][6] = operands.random().nextInt(40) - 20L;
            before[i][7] = operands.random().nextInt(8) == 0
                    ? operands.packed()
                    : operands.random().nextInt(20);
            for (int half = 0; half < 6; half++) states.xmm(i, half, before[i][half]);
            states.register(i, NativeState.RAX, before[i][6]);
            states.register(i, NativeState.RDX, before[i][7]);
        }
        // pcmpestrm, pcmpestri, pcmpistrm, pcmpistri xmm1, xmm2, control
        oracle.run(
                new byte[] {0x66, 0x0f, 0x3a, (byte) (0x60 + form), (byte) 0xca, (byte) control},
                states.bytes(),
                STATES);
        for (int i = 0; i < STATES; i++) {
            long[] r = before[i];
            int eax = (int) r[6];
            int edx = (int) r[7];
            int result = form < 2
                    ? StringCompare.explicit(r[2], r[3], eax, r[4], r[5], edx, control)
                    : StringCompare.implicit(r[2], r[3], r[4], r[5], control);
            Supplier<String> name = () -> "form %d control %02x of %016x_%016x (%d) and %016x_%016x (%d), seed %d"
                    .formatted(form, control, r[3], r[2], eax, r[5], r[4], edx, SEED);
            if ((form & 1) == 0) {
                long[] xmm0 = new long[2];
                StringCompare.mask(xmm0, 0, result, control);
                Check.same(xmm0[0], states.xmm(i, 0), name);
                Check.same(xmm0[1], states.xmm(i, 1), name);
            } else {
                Check.same(StringCompare.index(result, control), states.register(i, NativeState.RCX), name);
            }
            Check.same(flags(result), states.flags(i) & ALL_FLAGS, name);
        }
    }

    private static int flags(int result) {
        return ((result & StringCompare.CARRY) != 0 ? 1 : 0)
                | ((result & StringCompare.ZERO) != 0 ? 0x40 : 0)
                | ((result & StringCompare.SIGN) != 0 ? 0x80 : 0)
                | ((result & StringCompare.OVERFLOW) != 0 ? 0x800 : 0);
    }
}
