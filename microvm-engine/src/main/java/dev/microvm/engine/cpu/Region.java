package dev.microvm.engine.cpu;

import java.util.List;
import org.jspecify.annotations.Nullable;

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
public abstract class Region extends Instruction implements Cloneable {
    // HotSpot's C1 compiles a method after 200 calls, so that it counts branches; its C2 after 5,000 calls that were
    // counted, or 600 if they and the branches backwards are 15,000; and enters a loop that made 40,000:
    // Tier3InvocationThreshold and Tier4InvocationThreshold, MinInvocationThreshold, CompileThreshold,
    // BackEdgeThreshold
    private static final int TRIED = 256;
    private static final int COUNTED_FROM = 8_000;
    private static final int WARM = 20_000;
    private static final int FEW_TURNS = 8;

    /** What belongs to the CPU and its compiled code refers to: exits, instructions called, pages of code. */
    public record Links(List<Instruction> exits, List<Sequential> calls, List<CodePage> pages) {}

    // For the compiled code
    protected Instruction[] exits = {};
    protected Sequential[] calls = {};
    protected CodePage[] pages = {};
    protected @Nullable CodePage[] entryPages = {};

    private Region form = this; // which it is a copy of: counts for all of them
    private List<Block> members = List.of();
    private long[] tlb = {};
    private Instruction chain = this;
    private boolean broken;
    private int size;
    private int turns;
    private int entries;

    /** Makes one that belongs nowhere yet. */
    protected Region() {}

    /** Returns another one of this class, that belongs nowhere yet. */
    public final Region copy() {
        try {
            return (Region) clone();
        } catch (CloneNotSupportedException e) {
            throw new AssertionError(e);
        }
    }

    /**
     * Says what it was made of.
     *
     * @param blocks the one that it is entered by is the first
     * @param table entries of the TLB that it is good for
     * @param tablePages the pages of code of those
     * @param mostTurns branches backwards after which it is left
     * @param bytes of memory that it takes, by estimate
     */
    public final void bind(
            List<Block> blocks, Links links, long[] table, @Nullable CodePage[] tablePages, int mostTurns, int bytes) {
        exits = links.exits.toArray(exits);
        calls = links.calls.toArray(calls);
        pages = links.pages.toArray(pages);
        members = blocks;
        tlb = table;
        entryPages = tablePages;
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
     * Runs it, or its first block without it: for a TLB that it was not compiled for, or because
     * HotSpot is expected to compile it just now, and would only interpret it.
     */
    @Override
    public final Block execute(Cpu cpu) {
        if (isForeign(cpu)) return chain.execute(cpu);
        return form.entries == WARM ? run(cpu, turns, cpu.r, tlb) : executeEarly(cpu);
    }

    private Block executeEarly(Cpu cpu) {
        int count = ++form.entries;
        return count > TRIED && count < COUNTED_FROM ? chain.execute(cpu) : run(cpu, FEW_TURNS, cpu.r, tlb);
    }

    /**
     * Runs the compiled code.
     *
     * @param mostTurns how many branches backwards it may make before it is left
     * @param registers {@link Cpu#r}
     * @param table entries of the TLB
     * @return the block to run next
     */
    protected abstract Block run(Cpu cpu, int mostTurns, long[] registers, long[] table);

    /** Lets it run from the first time on, compiled by HotSpot or not. */
    public final void hurry() {
        form.entries = WARM;
    }

    /** Whether it must leave by the chain of the block that it is in. */
    public final boolean mustLeave(Cpu cpu) {
        return broken || cpu.loop.attentionWanted() || isForeign(cpu);
    }
}
