package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Branch;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;

/** What a region continues with, where it is left at no instruction of the guest. */
final class Exit {
    private Exit() {}

    /** Continues with a block. */
    static final class To extends Instruction {
        private final Block block;

        To(Block block) {
            this.block = block;
        }

        @Override
        public Block execute(Cpu cpu) {
            return block;
        }
    }

    /** Continues after an instruction that was performed, as if nothing were compiled. */
    static final class After extends Instruction {
        private final Instruction done;

        After(Instruction done) {
            this.done = done;
        }

        @Override
        public Block execute(Cpu cpu) {
            return done.next.execute(cpu);
        }
    }

    /** Takes a branch. */
    static final class Take extends Instruction {
        private final Branch branch;

        Take(Branch branch) {
            this.branch = branch;
        }

        @Override
        public Block execute(Cpu cpu) {
            return branch.take(cpu);
        }
    }

    /** Does not take a branch. */
    static final class Pass extends Instruction {
        private final Branch branch;

        Pass(Branch branch) {
            this.branch = branch;
        }

        @Override
        public Block execute(Cpu cpu) {
            return branch.pass(cpu);
        }
    }
}
