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
    /** Executions of a block that are worth more than it costs to compile it. */
    private static final long HOT = 50_000;

    /** A page whose code changed so often after it was compiled is left alone. */
    private static final int MOST_BROKEN = 16;

    private final boolean always;
    private final Queue<Compilation> done = new ConcurrentLinkedQueue<>();

    RegionCompiler(boolean always) {
        this.always = always;
    }

    @Override
    public long threshold() {
        return always ? 1 : HOT;
    }

    @Override
    public void hot(Cpu cpu, Block block) {
        if (!block.translated() || block.compiled() || cpu.debug.isArmed()) return;
        if (!always && block.page().brokenRegions() > MOST_BROKEN) return;
        Compilation compilation = RegionGrower.from(block, always ? 0 : HOT / 16, cpu);
        if (compilation == null) return;
        if (always) {
            compilation.run();
            install(compilation, cpu);
        } else {
            countAnew(compilation);
            CompilerThread.add(compilation, () -> {
                done.add(compilation);
                cpu.loop.attend();
            });
        }
    }

    @Override
    public void install(Cpu cpu) {
        for (Compilation each = done.poll(); each != null; each = done.poll()) install(each, cpu);
    }

    private static void install(Compilation compilation, Cpu cpu) {
        @Nullable Region region = compilation.result();
        if (region == null || !compilation.isCurrent() || cpu.debug.isArmed()) return;
        compilation.head().page().add(region);
        countAnew(compilation);
    }

    /** Lets blocks become hot only if they are entered by themselves, not by way of the head. */
    private static void countAnew(Compilation compilation) {
        for (Block each : compilation.blocks()) {
            if (each != compilation.head()) each.countAnew();
        }
    }
}
