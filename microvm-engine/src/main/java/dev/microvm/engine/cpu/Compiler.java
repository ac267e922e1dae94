package dev.microvm.engine.cpu;

/** Makes {@linkplain Region regions} of blocks that run often; what a {@link Cpu} is given. */
public interface Compiler {
    /** One that compiles nothing. */
    Compiler NONE = new Compiler() {
        @Override
        public long interval() {
            return Long.MIN_VALUE;
        }

        @Override
        public void hot(Cpu cpu, Block block) {}

        @Override
        public void install(Cpu cpu) {}
    };

    /** After each such number of executions, a power of two, a block is {@link #hot}. */
    long interval();

    /** Takes note that a block was executed so often, or so often again; it may be compiled when this returns. */
    void hot(Cpu cpu, Block block);

    /** Puts what was compiled meanwhile in place; between two blocks. */
    void install(Cpu cpu);
}
