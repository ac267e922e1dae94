package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.CodePage;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Region;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Blocks to be compiled as they are now. The CPU's thread makes it and uses the result; any thread
 * may run it, because it looks at instructions alone, which do not change.
 */
final class Compilation implements Runnable {
    /**
     * A block, and its instructions.
     *
     * @param chain from the first to the last: the block's links may change meanwhile
     * @param page where its page was mapped when this was made: how far it is from the others
     * @param guess where an indirect branch at its end went most recently, before this was made
     * @param instructions how many of the guest's instructions it has
     */
    record Member(Block block, List<Instruction> chain, long page, long guess, int instructions) {
        /** Where the block was, as an address. */
        long address() {
            return page + block.start();
        }
    }

    /** Instructions after which a region is left, so that nothing waits for long. */
    private static final int INSTRUCTIONS_OF_A_STAY = 20_000;

    private static final int LEAST_TURNS = 64;

    private final List<Member> members;
    private final boolean counts;
    private final long[] tlb;
    private final @Nullable CodePage[] pages;
    private volatile @Nullable Region result;

    /**
     * Makes one.
     *
     * @param members the one that is entered is the first
     */
    Compilation(List<Member> members, Cpu cpu) {
        this.members = members;
        this.counts = cpu.counter != null;
        this.tlb = cpu.mmu.entries();
        this.pages = cpu.mmu.entryPages();
    }

    Block head() {
        return members.getFirst().block;
    }

    List<Block> blocks() {
        return members.stream().map(Member::block).toList();
    }

    /** How many instructions of the guest it has executed, as far as is known. */
    long executed() {
        long instructions = 0;
        for (Member each : members) instructions += each.block.executions() * each.block.instructions();
        return instructions;
    }

    /** Whether all blocks are still as they were. */
    boolean isCurrent() {
        for (Member each : members) {
            if (!each.block.first().equals(each.chain.getFirst())) return false;
            if (each.block.page().isDropped()) return false;
        }
        return true;
    }

    /** Compiles; with fewer blocks if all are too many for a method. */
    @Override
    public void run() {
        for (int count = members.size(); count > 0; count = (count + 1) / 2) {
            List<Member> some = members.subList(0, count);
            RegionClass made = new RegionClass(some, counts);
            byte[] bytes = made.write();
            if (made.fits()) {
                Region region = RegionForms.of(made, bytes);
                List<Block> blocks = some.stream().map(Member::block).toList();
                region.bind(blocks, made.links.links(), tlb, pages, turns(some), RegionClass.sizeOf(bytes));
                result = region;
                return;
            }
            if (count == 1) return;
        }
    }

    private static int turns(List<Member> blocks) {
        int instructions = 0;
        for (Member each : blocks) instructions += each.chain.size();
        return Math.max(LEAST_TURNS, INSTRUCTIONS_OF_A_STAY / instructions);
    }

    /** What was made; null if nothing could be. */
    @Nullable
    Region result() {
        return result;
    }
}
