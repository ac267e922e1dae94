package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Sequential;

/** An instruction that rarely runs, as an action; its block continues after it. */
public final class Plain extends Sequential {
    /** What it does. */
    @FunctionalInterface
    public interface Action {
        void run(Cpu cpu, Instruction at);
    }

    private final Action action;

    public Plain(Action action) {
        this.action = action;
    }

    @Override
    public void perform(Cpu cpu) {
        action.run(cpu, this);
    }

    @Override
    public Block execute(Cpu cpu) {
        perform(cpu);
        return next.execute(cpu);
    }
}
