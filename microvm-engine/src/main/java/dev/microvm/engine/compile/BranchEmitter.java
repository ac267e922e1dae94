package dev.microvm.engine.compile;

import dev.microvm.engine.compile.Compilation.Member;
import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Branch;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.IndirectBranch;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.InstructionCounter;
import dev.microvm.engine.cpu.Mmu;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** The part of {@link Code} that continues elsewhere: in another block of the region, or outside. */
abstract class BranchEmitter extends MemoryEmitter {
    private static final String COUNTER = Type.getInternalName(InstructionCounter.class);

    final List<Member> members;
    final Label[] labels; // of those

    /** The one that is written now. */
    int current;

    /** Whether what follows in it is not reached. */
    boolean ended;

    BranchEmitter(MethodVisitor method, RegionClass owner, List<Member> members, RegionRegisters registers) {
        super(method, owner, registers, members.getFirst().chain().getFirst());
        this.members = members;
        this.labels = new Label[members.size()];
        for (int i = 0; i < labels.length; i++) labels[i] = new Label();
    }

    @Override
    public final boolean reaches(Branch branch) {
        if (branch.taken() != null) return true;
        int index = elsewhere(branch.takenOffset());
        if (index < 0) return false;
        checkPage(addressAt(branch.takenOffset()), members.get(index), slowWay());
        return true;
    }

    @Override
    public final void take(Branch branch) {
        go(branch.taken(), branch.takenOffset(), new Exit.Take(branch));
    }

    @Override
    public final void pass(Branch branch) {
        go(branch.passed(), branch.passedOffset(), new Exit.Pass(branch));
    }

    private void go(@Nullable Block inPage, int offset, Instruction otherwise) {
        ended = true;
        if (inPage != null) {
            go(inPage);
            return;
        }
        int index = elsewhere(offset);
        if (index >= 0) cross(addressAt(offset), members.get(index));
        exits.leave(otherwise, 0);
    }

    private void go(Block to) {
        int index = indexOf(to);
        if (index > current && !owner.counts) {
            method.visitJumpInsn(Opcodes.GOTO, labels[index]);
            return;
        }
        if (index >= 0) continueIn(index);
        exits.leave(new Exit.To(to), 0);
    }

    /** Continues in a member, unless the loop between blocks must have its turn before. */
    private void continueIn(int index) {
        Label loop = new Label();
        if (index <= current) {
            method.visitIincInsn(RegionRegisters.TURNS, -1);
            method.visitVarInsn(Opcodes.ILOAD, RegionRegisters.TURNS);
            method.visitJumpInsn(Opcodes.IFLT, loop);
        }
        if (owner.counts) {
            method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.CPU);
            method.visitFieldInsn(Opcodes.GETFIELD, RegionRegisters.CPU_NAME, "counter", "L" + COUNTER + ";");
            method.visitIntInsn(Opcodes.BIPUSH, members.get(index).instructions());
            method.visitMethodInsn(Opcodes.INVOKEVIRTUAL, COUNTER, "passes", "(I)Z", false);
            method.visitJumpInsn(Opcodes.IFEQ, loop);
        }
        method.visitJumpInsn(Opcodes.GOTO, labels[index]);
        method.visitLabel(loop);
    }

    private int indexOf(Block block) {
        for (int i = 0; i < members.size(); i++) {
            if (members.get(i).block() == block) return i;
        }
        return -1;
    }

    @Override
    public final void branch(int condition, Branch branch) {
        Label taken = new Label();
        jumpIf(condition, taken);
        pass(branch);
        method.visitLabel(taken);
        take(branch);
    }

    @Override
    public final void jump(int target) {
        ended = true;
        int index = indexAt(members.get(current).guess());
        if (index >= 0) cross(target, members.get(index));
        exits.leaveTo(target);
    }

    @Override
    public final void returnTo(int target) {
        ended = true;
        returns(target);
        exits.leaveTo(target);
    }

    /** Continues after the call of a member if that is where an address, in a temporary, leads. */
    private void returns(int target) {
        kept(target).get(Cpu.CODE).subtract();
        int offset = keep();
        for (int index : returnPoints()) {
            Member point = members.get(index);
            if (point.page() != members.get(current).page()) {
                cross(target, point);
                continue;
            }
            Label other = new Label();
            kept(offset).constant(point.block().start());
            method.visitInsn(Opcodes.LCMP);
            method.visitJumpInsn(Opcodes.IFNE, other);
            go(point.block());
            method.visitLabel(other);
        }
    }

    /** The members that calls of members return to. */
    private Set<Integer> returnPoints() {
        Set<Integer> points = new LinkedHashSet<>();
        for (Member each : members) {
            int offset = switch (each.chain().getLast()) {
                case Branch call -> call.returnOffset();
                case IndirectBranch call -> call.returnOffset();
                default -> Branch.NOWHERE;
            };
            if (offset != Branch.NOWHERE) points.add(indexAt(each.page() + offset));
        }
        points.remove(-1);
        return points;
    }

    // Branches to other pages

    /** The member that a branch of the present block leads to at an offset, in another page; or -1. */
    private int elsewhere(int offset) {
        return offset == Branch.NOWHERE ? -1 : indexAt(members.get(current).page() + offset);
    }

    private int indexAt(long address) {
        for (int i = 0; i < members.size(); i++) {
            if (members.get(i).address() == address) return i;
        }
        return -1;
    }

    private int addressAt(int offset) {
        return get(Cpu.CODE).constant(offset).add().keep();
    }

    /** Continues in a member of another page if an address, in a temporary, is where it is. */
    private void cross(int address, Member to) {
        Label elsewhere = new Label();
        kept(address).constant(~Mmu.PAGE).and().constant(to.block().start());
        method.visitInsn(Opcodes.LCMP);
        method.visitJumpInsn(Opcodes.IFNE, elsewhere);
        checkPage(address, to, elsewhere);
        kept(address).constant(Mmu.PAGE).and().set(Cpu.CODE);
        go(to.block());
        method.visitLabel(elsewhere);
    }

    /** Jumps unless the TLB says that at an address is the page of a member, as {@link Mmu#code} would. */
    private void checkPage(int address, Member expected, Label otherwise) {
        int index = index(address);
        kept(address).constant(Mmu.PAGE).and();
        entry(index, Mmu.FETCH);
        method.visitInsn(Opcodes.LCMP);
        method.visitJumpInsn(Opcodes.IFNE, otherwise);
        RegionLinks.pushEntryPages(method);
        pushPlace(index, 0);
        method.visitIntInsn(Opcodes.BIPUSH, Mmu.STRIDE_SHIFT);
        method.visitInsn(Opcodes.IUSHR);
        method.visitInsn(Opcodes.AALOAD);
        owner.links.pushPage(method, expected.block().page());
        method.visitJumpInsn(Opcodes.IF_ACMPNE, otherwise);
    }

    @Override
    public final void leaveUnlessCanonical(int target) {
        Label noAddress = slowWay();
        kept(target).shiftLeft(16).shiftRight(16).kept(target);
        method.visitInsn(Opcodes.LCMP);
        method.visitJumpInsn(Opcodes.IFNE, noAddress);
    }
}
