package dev.microvm.engine.oracle;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Set;

/**
 * The real processor, as a judge of ours: a small program in C, compiled when a test wants it, that
 * runs given instructions on given states. Where it cannot be had it says so on standard error, and
 * tests are skipped.
 */
public final class NativeOracle implements AutoCloseable {
    /** Most states of a batch. */
    public static final int MOST_STATES = 4096;

    private static final byte RET = (byte) 0xc3;

    private final NativeProgram program;

    private NativeOracle(NativeProgram program) {
        this.program = program;
    }

    /** Starts the oracle, or skips the test as {@link NativeProgram#start} does. */
    public static NativeOracle start() throws IOException, InterruptedException {
        return new NativeOracle(NativeProgram.start("instruction-oracle.c", Set.of("sse4_2")));
    }

    /**
     * Runs code on each state.
     *
     * @param code instructions that change what a state holds and nothing else; a RET is added
     * @param states as many as there are in {@code count * NativeState.SIZE} bytes; replaced by
     *     those after the code
     */
    public void run(byte[] code, byte[] states, int count) throws IOException {
        ByteBuffer head = ByteBuffer.allocate(code.length + 9).order(ByteOrder.LITTLE_ENDIAN);
        head.putInt(code.length + 1).put(code).put(RET).putInt(count);
        program.write(head.array());
        program.write(states, count * NativeState.SIZE);
        program.read(states, count * NativeState.SIZE);
    }

    @Override
    public void close() throws IOException {
        program.close();
    }
}
