package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Compiler;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Region;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/** Compiles for one CPU: at once, or on the {@link CompilerThread}. */
final class RegionCompiler implements Compiler {
    /** A block is looked at first after so many executions. */
    private static final long INTERVAL = 4096;

    /**
     * Instructions that a region must have executed to be compiled. With these a boot of Linux costs
     * as much CPU time as without regions (docs/engine.md).
     */
    private static final long WORTH = 4_000_000;

    /** A block that was executed this many times less than the first one is no part of its region. */
    private static final int RARELY = 16;

    /** A page whose code changed so often after it was compiled is left alone. */
    private static final int MOST_BROKEN = 16;

    /** When all is compiled, a block is a second time after so many executions, with those that it led to. */
    private static final int AGAIN = 4;

    private final boolean always;
    private final Queue<Compilation> done = new ConcurrentLinkedQueue<>();

    RegionCompiler(boolean always) {
        this.always = always;
        if (!always) ColdBranches.begin();
    }

    @Override
    public long interval() {
        return always ? 1 : INTERVAL;
    }

    @Override
    public void hot(Cpu cpu, Block block) {
        install(cpu);
        if (Long.bitCount(block.executions()) != 1) return; // looks again when it is twice as hot
        boolean again = always && block.executions() == AGAIN;
        if (!block.translated() || (block.compiled() && !again) || cpu.debug.isArmed()) return;
        if (!always && block.page().brokenRegions() > MOST_BROKEN) return;
        Compilation compilation = RegionGrower.from(block, always ? 0 : block.executions() / RARELY, cpu);
        if (compilation == null || (!always && compilation.executed() < WORTH)) return;
        if (always) {
            compilation.run();
            Region region = install(compilation, cpu);
            if (region != null) region.hurry();
        } else {
            countAnew(compilation);
            CompilerThread.add(compilation, () -> {
                done.add(compilation);
                if (cpu.counter == null) cpu.loop.attend(); // else at no time that is another in each run
            });
        }
    }

    @Override
    public void install(Cpu cpu) {
        for (Compilation each = done.poll(); each != null; each = done.poll()) install(each, cpu);
    }

    private static @Nullable Region install(Compilation compilation, Cpu cpu) {
        Region region = compilation.result();
        if (region == null || !compilation.isCurrent() || cpu.debug.isArmed()) return null;
        region.install();
        countAnew(compilation);
        return region;
    }

    /** Lets blocks become hot only if they are entered by themselves, not by way of the head. */
    private static void countAnew(Compilation compilation) {
        for (Block each : compilation.blocks()) {
            if (each != compilation.head()) each.countAnew();
        }
    }
}
