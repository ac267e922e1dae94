package dev.microvm.engine.compile;

import dev.microvm.engine.compile.Compilation.Member;
import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Branch;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Sequential;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Chooses the blocks of a region: from one along the branches that are taken most. */
final class RegionGrower {
    private static final int MOST_INSTRUCTIONS = 150;

    private final long least;
    private final List<Member> members = new ArrayList<>();
    private final Set<Block> seen = new HashSet<>();
    private final PriorityQueue<Block> open =
            new PriorityQueue<>(Comparator.comparingLong(Block::executions).reversed());

    private RegionGrower(long least) {
        this.least = least;
    }

    /**
     * Returns the region that is entered by a block, or null if it is not worth it.
     *
     * @param least executions of a block that is to be part of it
     */
    static @Nullable Compilation from(Block head, long least, Cpu cpu) {
        if (!isWorthIt(head)) return null;
        RegionGrower grower = new RegionGrower(least);
        grower.seen.add(head);
        grower.open.add(head);
        grower.grow();
        return new Compilation(List.copyOf(grower.members), cpu.r, cpu.mmu.entries());
    }

    private static boolean isWorthIt(Block block) {
        Instruction first = block.first();
        return first instanceof Sequential || first instanceof Branch;
    }

    private void grow() {
        int instructions = 0;
        for (Block next = open.poll(); next != null; next = open.poll()) {
            instructions += next.instructions();
            if (!members.isEmpty() && instructions > MOST_INSTRUCTIONS) return;
            List<Instruction> chain = chain(next);
            members.add(new Member(next, chain));
            if (chain.getLast() instanceof Branch branch) {
                consider(branch.taken());
                consider(branch.passed());
                consider(branch.returnPoint());
            }
        }
    }

    private static List<Instruction> chain(Block block) {
        List<Instruction> chain = new ArrayList<>();
        Instruction each = block.first();
        chain.add(each);
        while (each.isFollowed()) {
            each = each.next;
            chain.add(each);
        }
        return chain;
    }

    private void consider(@Nullable Block block) {
        if (block == null || !block.translated()) return;
        boolean runsOften = block.executions() >= least || block.compiled();
        if (runsOften && isWorthIt(block) && seen.add(block)) open.add(block);
    }
}
