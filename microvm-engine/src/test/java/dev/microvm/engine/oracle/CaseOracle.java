package dev.microvm.engine.oracle;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Set;

/** The real processor, running {@link Case}s in a process of its own: case-oracle.c. */
public final class CaseOracle implements AutoCloseable {
    /** Extensions that cases use because the engine announces them. */
    private static final Set<String> FEATURES = Set.of(
            "sse4_2",
            "popcnt",
            "abm",
            "bmi1",
            "bmi2",
            "adx",
            "movbe",
            "cx16",
            "lahf_lm",
            "fsgsbase",
            "xsaveopt",
            "xsavec",
            "aes",
            "pclmulqdq",
            "sha_ni");

    private final NativeProgram program;

    private CaseOracle(NativeProgram program) {
        this.program = program;
    }

    /** Starts it, or skips the test as {@link NativeProgram#start} does. */
    public static CaseOracle start() throws IOException, InterruptedException {
        return new CaseOracle(NativeProgram.start(
                "case-oracle.c",
                FEATURES,
                "-static-pie",
                "-fpie",
                "-nostdlib",
                "-fno-stack-protector",
                "-mgeneral-regs-only"));
    }

    /** Runs the first {@code count} cases of a batch. */
    public void run(CaseBatch batch, int count, CaseBatch.Outcomes outcomes) throws IOException {
        program.write(ByteBuffer.allocate(Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(count)
                .array());
        program.write(batch.memory);
        program.write(batch.bytes, count * Case.SIZE);
        program.read(outcomes.bytes, count * Outcome.SIZE);
        program.read(outcomes.memory, UserCaseMachine.MEMORY_SIZE);
    }

    @Override
    public void close() throws IOException {
        program.close();
    }
}
