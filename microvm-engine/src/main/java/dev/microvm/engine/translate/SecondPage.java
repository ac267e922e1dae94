package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.CodePage;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import org.jspecify.annotations.Nullable;

/** Checks that the page after this one is still the one that an instruction reaches into. */
final class SecondPage extends Instruction {
    private @Nullable Block block;
    private @Nullable CodePage expected;

    void expect(Block own, CodePage second) {
        block = own;
        expected = second;
        second.reachedBy(own);
    }

    @Override
    public Block execute(Cpu cpu) {
        if (cpu.followingPage(this) == expected || block == null) return next.execute(cpu);
        block.breakOff();
        return block;
    }
}
