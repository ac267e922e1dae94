package dev.microvm.engine.cpu;

/** Makes {@linkplain Region regions} of blocks that run often; what a {@link Cpu} is given. */
public interface Compiler {
    /** One that compiles nothing. */
    Compiler NONE = new Compiler() {
        @Override
        public long threshold() {
            return Long.MAX_VALUE;
        }

        @Override
        public void hot(Cpu cpu, Block block) {}

        @Override
        public void install(Cpu cpu) {}
    };

    /** After how many executions a block is {@link #hot}. */
    long threshold();

    /** Takes note that a block reached the threshold; it may be compiled when this returns. */
    void hot(Cpu cpu, Block block);

    /** Puts what was compiled meanwhile in place; between two blocks. */
    void install(Cpu cpu);
}
