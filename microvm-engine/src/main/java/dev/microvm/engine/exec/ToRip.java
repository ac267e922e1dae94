package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;

/** An instruction that continues where its action has set RIP: far transfers and system calls. */
public final class ToRip extends Instruction {
    private final Plain.Action action;

    public ToRip(Plain.Action action) {
        this.action = action;
    }

    @Override
    public Block execute(Cpu cpu) {
        action.run(cpu, this);
        return cpu.jump(cpu.rip);
    }
}
