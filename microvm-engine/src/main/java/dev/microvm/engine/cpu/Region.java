package dev.microvm.engine.cpu;

import java.util.List;

/**
 * Blocks that were compiled together, entered at the first of them.
 *
 * <p>It runs in place of that block's first instruction, and ends as that does, with the block to
 * run next. The chains of instructions stay: compiled code leaves by them wherever it cannot
 * continue. When one of the blocks breaks off, its region is not entered again; if it runs, it
 * leaves by the chain after the instruction that caused it.
 *
 * <p>It is good for one table of the TLB, which it was compiled for.
 */
public abstract class Region extends Instruction {
    // HotSpot compiles a method after 200 calls if it can: Tier3InvocationThreshold
    private static final int WARM_UP = 256;
    private static final int WARM = 10_000;
    private static final int FEW_TURNS = 8;

    private List<Block> members = List.of();
    private long[] tlb = {};
    private Instruction chain = this;
    private boolean broken;
    private int size;
    private int entries;
    private int turns;

    /** Makes one that belongs nowhere yet. */
    protected Region() {}

    /**
     * Says what it was made of.
     *
     * @param blocks the one that it is entered by is the first
     * @param bytes of memory that it takes, by estimate
     */
    public final void bind(List<Block> blocks, long[] entries, int mostTurns, int bytes) {
        members = blocks;
        tlb = entries;
        turns = mostTurns;
        chain = blocks.getFirst().first;
        size = bytes;
    }

    /** Lets it run in place of its first block. */
    public final void install() {
        CodePage home = members.getFirst().page;
        members.getFirst().compiled(this);
        members.stream().map(each -> each.page).distinct().forEach(page -> page.add(this));
        home.heap().add(size);
    }

    /** Lets nobody enter it any more, as code changed that it was made of; who is in it leaves. */
    final void drop() {
        CodePage home = members.getFirst().page;
        broken = true;
        members.getFirst().interpreted(this);
        members.stream().map(each -> each.page).distinct().forEach(page -> page.remove(this));
        home.heap().remove(size);
    }

    final boolean contains(Block block) {
        return members.contains(block);
    }

    @SuppressWarnings("ReferenceEquality") // which array it is, not what is in it
    private boolean isForeign(Cpu cpu) {
        return cpu.mmu.entries() != tlb;
    }

    /**
     * Whether it is not to run now: for a TLB that it was not compiled for, or because HotSpot is
     * expected to compile it just now, and would only interpret it.
     */
    public final boolean mustWait(Cpu cpu) {
        if (isForeign(cpu)) return true;
        if (entries >= WARM) return false;
        return ++entries > WARM_UP;
    }

    /** How many branches backwards it may make before it is left. */
    public final int turns() {
        return entries < WARM ? FEW_TURNS : turns;
    }

    /** Runs its first block without it. */
    public final Block interpret(Cpu cpu) {
        return chain.execute(cpu);
    }

    /** Whether it must leave by the chain of the block that it is in. */
    public final boolean mustLeave(Cpu cpu) {
        return broken || cpu.loop.attentionWanted() || isForeign(cpu);
    }
}
