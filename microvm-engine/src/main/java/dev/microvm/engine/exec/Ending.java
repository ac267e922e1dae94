package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;

/**
 * An instruction that ends its block, because of what it may change. The next one is looked up
 * again.
 */
public final class Ending extends Instruction {
    private final Plain.Action action;

    public Ending(Plain.Action action) {
        this.action = action;
    }

    @Override
    public Block execute(Cpu cpu) {
        long following = nextRip(cpu);
        action.run(cpu, this);
        return cpu.jump(following);
    }
}
