package dev.microvm.engine.compile;

import dev.microvm.engine.compile.Compilation.Member;
import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Region;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.exec.RegisterOnly;
import java.util.List;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * The method of a region. Registers and flags are local variables: loaded where it is entered, put
 * back where it is left, and before anything is called that may look at them or fault.
 *
 * <p>What rarely happens leaves the region ({@link RegionExits}): after an access that misses the
 * TLB, the rest of the block runs as if it were not compiled. A branch backwards counts turns, so
 * that the region is left now and then: the loop between blocks sees to interrupts, and HotSpot
 * enters a version that it compiled meanwhile.
 */
final class RegionCode extends BranchEmitter {
    static final String RUN = Type.getMethodDescriptor(
            Type.getType(Block.class),
            Type.getType(Cpu.class),
            Type.INT_TYPE,
            Type.getType(long[].class),
            Type.getType(long[].class));
    static final String SAVE = "save";

    private static final String REGION = Type.getInternalName(Region.class);
    private static final String SEQUENTIAL = Type.getInternalName(Sequential.class);
    private static final String CALLS = Type.getInternalName(RegionCalls.class);

    RegionCode(MethodVisitor method, RegionClass owner, List<Member> members, RegionRegisters registers) {
        super(method, owner, members, registers);
    }

    void write() {
        ColdBranches.emitMark(method);
        method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.CPU);
        method.visitFieldInsn(Opcodes.GETFIELD, RegionRegisters.CPU_NAME, "xmm", "[J");
        method.visitVarInsn(Opcodes.ASTORE, RegionRegisters.XMM);
        method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.TLB);
        method.visitInsn(Opcodes.ARRAYLENGTH);
        method.visitInsn(Opcodes.ICONST_1);
        method.visitInsn(Opcodes.ISUB);
        method.visitVarInsn(Opcodes.ISTORE, RegionRegisters.TLB_MASK);
        constant(0);
        method.visitVarInsn(Opcodes.LSTORE, RegionRegisters.TARGET);
        for (int slot = 0; slot < RegionRegisters.FLAGS; slot++) {
            if (registers.isUsed(slot) && !RegionRegisters.isPassing(slot)) reload(slot);
        }
        if (registers.isUsed(RegionRegisters.FLAGS)) RegionRegisters.loadFlags(method);
        writeBlocks();
        exits.write();
    }

    /** Writes the blocks alone: shows which registers they use. */
    void writeBlocks() {
        for (current = 0; current < labels.length; current++) {
            method.visitLabel(labels[current]);
            beginBlock();
            ended = false;
            for (Instruction each : members.get(current).chain()) {
                if (ended) break;
                begin(each);
                each.emit(this);
            }
        }
    }

    // Calls of instructions

    @Override
    public void perform(Sequential sequential) {
        registers.callSave(method, RegionClass.NAME, SAVE);
        registers.saveSlots(method, passing);
        if (sequential instanceof RegisterOnly) {
            owner.links.pushCall(method, sequential);
            method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.CPU);
            method.visitMethodInsn(
                    Opcodes.INVOKEVIRTUAL, SEQUENTIAL, "perform", "(L" + RegionRegisters.CPU_NAME + ";)V", false);
            reloadAll();
        } else {
            performAndCheck(sequential);
        }
        flagsAreCarries();
    }

    private void performAndCheck(Sequential sequential) {
        method.visitVarInsn(Opcodes.ALOAD, 0);
        owner.links.pushCall(method, sequential);
        method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.CPU);
        method.visitMethodInsn(
                Opcodes.INVOKESTATIC,
                CALLS,
                "perform",
                "(L" + REGION + ";L" + SEQUENTIAL + ";L" + RegionRegisters.CPU_NAME + ";)Z",
                false);
        reloadAll(); // before it may leave, as the exit puts all back
        method.visitJumpInsn(Opcodes.IFNE, done(sequential));
    }

    private void reloadAll() {
        for (int slot = 0; slot < RegionRegisters.FLAGS; slot++) {
            if (registers.isUsed(slot)) reload(slot);
        }
        if (registers.isUsed(RegionRegisters.FLAGS)) RegionRegisters.loadFlags(method);
    }

    @Override
    public void leave(Instruction by) {
        exits.leave(by, passing);
        ended = true;
    }
}
