package dev.microvm.engine.compile;

import dev.microvm.engine.compile.Compilation.Member;
import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Branch;
import dev.microvm.engine.cpu.CodePage;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.IndirectBranch;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Mmu;
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
    /** HotSpot takes four times as long for twice as many. */
    private static final int MOST_INSTRUCTIONS = 70;

    private final long least;
    private final Cpu cpu;
    private final List<Member> members = new ArrayList<>();
    private final Set<Block> seen = new HashSet<>();
    private final PriorityQueue<Candidate> open =
            new PriorityQueue<>(Comparator.comparingLong((Candidate each) -> each.block.executions())
                    .reversed());

    /** A block that may become a member; {@code page} as of {@link Member}. */
    private record Candidate(Block block, long page) {}

    private RegionGrower(long least, Cpu cpu) {
        this.least = least;
        this.cpu = cpu;
    }

    /**
     * Returns the region that is entered by a block, or null if it is not worth it.
     *
     * @param head about to run
     * @param least executions of a block that is to be part of it
     */
    static @Nullable Compilation from(Block head, long least, Cpu cpu) {
        if (!isWorthIt(head)) return null;
        RegionGrower grower = new RegionGrower(least, cpu);
        grower.seen.add(head);
        grower.open.add(new Candidate(head, cpu.r[Cpu.CODE]));
        grower.grow();
        return new Compilation(List.copyOf(grower.members), cpu);
    }

    private static boolean isWorthIt(Block block) {
        Instruction first = block.first();
        return first instanceof Sequential || first instanceof Branch || first instanceof IndirectBranch;
    }

    private void grow() {
        int instructions = 0;
        for (Candidate next = open.poll(); next != null; next = open.poll()) {
            instructions += next.block.instructions();
            if (!members.isEmpty() && instructions > MOST_INSTRUCTIONS) return;
            List<Instruction> chain = chain(next.block);
            long guess = chain.getLast() instanceof IndirectBranch branch ? branch.recentTarget() : 0;
            members.add(new Member(next.block, chain, next.page, guess, next.block.instructions()));
            if (chain.getLast() instanceof Branch branch) {
                consider(branch.taken(), branch.takenOffset(), next.page);
                consider(branch.passed(), branch.passedOffset(), next.page);
                consider(branch.returnPoint(), branch.returnOffset(), next.page);
            } else if (chain.getLast() instanceof IndirectBranch branch) {
                consider(null, branch.returnOffset(), next.page);
                consider(guess);
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

    private void consider(@Nullable Block inPage, int offset, long page) {
        if (inPage != null) {
            consider(inPage, page);
            return;
        }
        if (offset != Branch.NOWHERE) consider(page + offset);
    }

    private void consider(long linear) {
        CodePage other = cpu.mmu.knownCode(linear);
        Block block = other == null ? null : other.known((int) (linear & ~Mmu.PAGE));
        if (block != null) consider(block, linear & Mmu.PAGE);
    }

    private void consider(Block block, long page) {
        if (!block.translated()) return;
        boolean runsOften = block.executions() >= least || block.compiled();
        if (runsOften && isWorthIt(block) && seen.add(block)) open.add(new Candidate(block, page));
    }
}
