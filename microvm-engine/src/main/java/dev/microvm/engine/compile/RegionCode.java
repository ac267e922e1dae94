package dev.microvm.engine.compile;

import dev.microvm.engine.compile.Compilation.Member;
import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Branch;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.CodePage;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.IndirectBranch;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Mmu;
import dev.microvm.engine.cpu.Region;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.exec.RegisterOnly;
import dev.microvm.engine.memory.HostMemory;
import dev.microvm.engine.simd.LaneOperation;
import dev.microvm.engine.simd.Mxcsr;
import dev.microvm.engine.simd.XmmFloatOperation;
import dev.microvm.engine.simd.XmmOperation;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * The method of a region. Registers and flags are local variables: loaded where it is entered, put
 * back where it is left, and before anything is called that may look at them or fault.
 *
 * <p>What rarely happens is at the end of the method: an access that misses the TLB does its
 * instruction by {@link Sequential#perform}, and continues after it. A branch backwards counts
 * turns, so that the region is left now and then: the loop between blocks sees to interrupts, and
 * HotSpot enters a version that it compiled meanwhile.
 */
final class RegionCode extends ArithmeticEmitter {
    static final String CPU = Type.getInternalName(Cpu.class);
    static final String SAVE = "save";
    static final String RUN =
            Type.getMethodDescriptor(Type.getType(Block.class), Type.getType(Cpu.class), Type.INT_TYPE);
    private static final String EXECUTE = Type.getMethodDescriptor(Type.getType(Block.class), Type.getType(Cpu.class));

    private static final String REGION = Type.getInternalName(Region.class);
    private static final String INSTRUCTION = Type.getInternalName(Instruction.class);
    private static final String SEQUENTIAL = Type.getInternalName(Sequential.class);
    private static final String BRANCH = Type.getInternalName(Branch.class);
    private static final String CALLS = Type.getInternalName(RegionCalls.class);
    private static final String XMM_OPERATION = Type.getInternalName(XmmOperation.class);
    private static final String FLOAT_OPERATION = Type.getInternalName(XmmFloatOperation.class);
    private static final String LANE_OPERATION = Type.getInternalName(LaneOperation.class);
    private static final String OF_64 = Type.getInternalName(XmmFloatOperation.Of64.class);
    private static final String MXCSR = Type.getInternalName(Mxcsr.class);
    private static final String MEMORY = Type.getInternalName(HostMemory.class);

    /** What is done the slow way, out of line. */
    private record Cold(Instruction instruction, Label entry, Label done, int passing) {}

    /** Leaves after an instruction that was performed. */
    private record Stop(Instruction instruction, Label entry) {}

    private final RegionClass owner;
    private final List<Member> members;
    private final Label[] labels;
    private final List<Cold> colds = new ArrayList<>();
    private final List<Integer> written = new ArrayList<>(); // of each of them, the registers it sets
    private final List<Stop> stops = new ArrayList<>();

    // Of the block and the instruction that is written now
    private int current;
    private boolean ended;
    private Instruction instruction;
    private @Nullable Cold cold;

    RegionCode(MethodVisitor method, RegionClass owner, List<Member> members, RegionRegisters registers) {
        super(method, registers);
        this.owner = owner;
        this.members = members;
        this.labels = new Label[members.size()];
        for (int i = 0; i < labels.length; i++) labels[i] = new Label();
        this.instruction = members.getFirst().chain().getFirst();
    }

    // The method

    void writeEntry() {
        owner.pushRegisters(method);
        method.visitVarInsn(Opcodes.ASTORE, RegionRegisters.REGISTERS);
        owner.pushTlb(method);
        method.visitVarInsn(Opcodes.ASTORE, RegionRegisters.TLB);
        for (int slot = 0; slot < RegionRegisters.COUNT; slot++) {
            if (registers.isUsed(slot) && !RegionRegisters.isPassing(slot)) reload(slot);
        }
    }

    void writeBlocks() {
        for (current = 0; current < labels.length; current++) {
            method.visitLabel(labels[current]);
            beginBlock();
            ended = false;
            for (Instruction each : members.get(current).chain()) {
                if (!ended) write(each);
            }
        }
        for (int i = 0; i < colds.size(); i++) writeCold(colds.get(i), written.get(i));
        for (Stop each : stops) writeStop(each);
    }

    private void write(Instruction each) {
        instruction = each;
        cold = null;
        writtenNow = 0;
        each.emit(this);
        if (cold == null) return;
        written.add(writtenNow);
        if (!ended) method.visitLabel(cold.done);
        if ((writtenNow >> RegionRegisters.FLAG_RESULT) != 0) forgetFlags();
    }

    private void writeCold(Cold each, int sets) {
        method.visitLabel(each.entry);
        save(each.passing);
        if (!(each.instruction instanceof Sequential)) {
            execute(each.instruction);
            return;
        }
        performAndCheck(each.instruction);
        for (int slot = 0; slot < RegionRegisters.COUNT; slot++) {
            if ((sets >> slot & 1) != 0) reload(slot);
        }
        method.visitJumpInsn(Opcodes.GOTO, each.done);
    }

    private void writeStop(Stop each) {
        method.visitLabel(each.entry);
        owner.push(method, each.instruction, Instruction.class);
        method.visitVarInsn(Opcodes.ALOAD, 1);
        method.visitMethodInsn(
                Opcodes.INVOKESTATIC, CALLS, "rest", "(L" + INSTRUCTION + ";" + EXECUTE.substring(1), false);
        method.visitInsn(Opcodes.ARETURN);
    }

    // Registers in Cpu

    /** Puts registers and flags back; those of the present instruction alone, too, if they were set. */
    private void save(int passing) {
        method.visitVarInsn(Opcodes.ALOAD, 1);
        for (int slot = 0; slot < RegionRegisters.COUNT; slot++) {
            if (registers.isSaved(slot)) method.visitVarInsn(Opcodes.LLOAD, RegionRegisters.local(slot));
        }
        method.visitMethodInsn(Opcodes.INVOKESTATIC, RegionClass.NAME, SAVE, registers.saveDescriptor(), false);
        for (int slot = Cpu.ADDRESS; slot < RegionRegisters.FLAG_RESULT; slot++) {
            if ((passing >> slot & 1) == 0) continue;
            method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.REGISTERS);
            method.visitIntInsn(Opcodes.BIPUSH, slot);
            method.visitVarInsn(Opcodes.LLOAD, RegionRegisters.local(slot));
            method.visitInsn(Opcodes.LASTORE);
        }
    }

    // Calls of instructions

    @Override
    public void perform(Sequential sequential) {
        save(passing);
        if (sequential instanceof RegisterOnly) {
            owner.push(method, sequential, Sequential.class);
            method.visitVarInsn(Opcodes.ALOAD, 1);
            method.visitMethodInsn(Opcodes.INVOKEVIRTUAL, SEQUENTIAL, "perform", "(L" + CPU + ";)V", false);
        } else {
            performAndCheck(sequential);
        }
        for (int slot = 0; slot < RegionRegisters.COUNT; slot++) {
            if (registers.isUsed(slot)) reload(slot);
        }
        forgetFlags();
    }

    private void performAndCheck(Instruction sequential) {
        Stop stop = new Stop(sequential, new Label());
        stops.add(stop);
        method.visitVarInsn(Opcodes.ALOAD, 0);
        owner.push(method, sequential, Instruction.class);
        method.visitTypeInsn(Opcodes.CHECKCAST, SEQUENTIAL);
        method.visitVarInsn(Opcodes.ALOAD, 1);
        method.visitMethodInsn(
                Opcodes.INVOKESTATIC, CALLS, "perform", "(L" + REGION + ";L" + SEQUENTIAL + ";L" + CPU + ";)Z", false);
        method.visitJumpInsn(Opcodes.IFNE, stop.entry);
    }

    @Override
    public void leave(Instruction by) {
        save(passing);
        execute(by);
        ended = true;
    }

    private void execute(Instruction by) {
        owner.push(method, by, Instruction.class);
        method.visitVarInsn(Opcodes.ALOAD, 1);
        method.visitMethodInsn(Opcodes.INVOKEVIRTUAL, INSTRUCTION, "execute", EXECUTE, false);
        method.visitInsn(Opcodes.ARETURN);
    }

    // Branches

    @Override
    public boolean reaches(Branch branch) {
        if (branch.taken() != null) return true;
        int index = elsewhere(branch.takenOffset());
        if (index < 0) return false;
        checkPage(addressAt(branch.takenOffset()), members.get(index), cold().entry);
        return true;
    }

    @Override
    public void take(Branch branch) {
        go(branch.taken(), branch.takenOffset(), branch, "take");
    }

    @Override
    public void pass(Branch branch) {
        go(branch.passed(), branch.passedOffset(), branch, "pass");
    }

    private void go(@Nullable Block inPage, int offset, Branch branch, String otherwise) {
        ended = true;
        if (inPage != null) {
            go(inPage);
            return;
        }
        int index = elsewhere(offset);
        if (index >= 0) cross(addressAt(offset), members.get(index));
        save(0);
        owner.push(method, branch, Branch.class);
        method.visitVarInsn(Opcodes.ALOAD, 1);
        method.visitMethodInsn(Opcodes.INVOKEINTERFACE, BRANCH, otherwise, EXECUTE, true);
        method.visitInsn(Opcodes.ARETURN);
    }

    private void go(Block to) {
        int index = indexOf(to);
        if (index > current) {
            method.visitJumpInsn(Opcodes.GOTO, labels[index]);
            return;
        }
        if (index >= 0) {
            method.visitIincInsn(RegionRegisters.TURNS, -1);
            method.visitVarInsn(Opcodes.ILOAD, RegionRegisters.TURNS);
            method.visitJumpInsn(Opcodes.IFGE, labels[index]);
        }
        save(0);
        owner.push(method, to, Block.class);
        method.visitInsn(Opcodes.ARETURN);
    }

    private int indexOf(Block block) {
        for (int i = 0; i < members.size(); i++) {
            if (members.get(i).block() == block) return i;
        }
        return -1;
    }

    @Override
    public void branch(int condition, Branch branch) {
        Label taken = new Label();
        jumpIf(condition, taken);
        pass(branch);
        method.visitLabel(taken);
        take(branch);
    }

    @Override
    public void jump(int target) {
        ended = true;
        int index = indexAt(members.get(current).guess());
        if (index >= 0) cross(target, members.get(index));
        leaveTo(target);
    }

    @Override
    public void returnTo(int target) {
        ended = true;
        returns(target);
        leaveTo(target);
    }

    private void leaveTo(int target) {
        save(0);
        method.visitVarInsn(Opcodes.ALOAD, 1);
        kept(target);
        method.visitMethodInsn(Opcodes.INVOKEVIRTUAL, CPU, "jump", "(J)" + Type.getDescriptor(Block.class), false);
        method.visitInsn(Opcodes.ARETURN);
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
        owner.pushPages(method);
        method.visitVarInsn(Opcodes.ILOAD, index);
        method.visitIntInsn(Opcodes.BIPUSH, Mmu.STRIDE_SHIFT);
        method.visitInsn(Opcodes.IUSHR);
        method.visitInsn(Opcodes.AALOAD);
        owner.push(method, expected.block().page(), CodePage.class);
        method.visitJumpInsn(Opcodes.IF_ACMPNE, otherwise);
    }

    @Override
    public void leaveUnlessCanonical(int target) {
        kept(target).shiftLeft(16).shiftRight(16).kept(target);
        method.visitInsn(Opcodes.LCMP);
        method.visitJumpInsn(Opcodes.IFNE, cold().entry);
    }

    // Memory

    private Cold cold() {
        if (cold == null) {
            cold = new Cold(instruction, new Label(), new Label(), passing);
            colds.add(cold);
        }
        return cold;
    }

    @Override
    Label slowWay() {
        return cold().entry;
    }

    @Override
    public int host(int linear, int size, int access) {
        Cold miss = cold();
        int index = index(linear);
        kept(linear);
        if (size > 1) constant(size - 1).add();
        constant(Mmu.PAGE).and();
        entry(index, access);
        method.visitInsn(Opcodes.LCMP);
        method.visitJumpInsn(Opcodes.IFNE, miss.entry);
        kept(linear);
        entry(index, Mmu.ADDEND);
        return add().keep();
    }

    /** Computes where the entry of an address is; returns a temporary of one word. */
    private int index(int linear) {
        int index = newTemporary(1);
        kept(linear).shiftRightUnsigned(Mmu.INDEX_SHIFT);
        method.visitInsn(Opcodes.L2I);
        method.visitIntInsn(Opcodes.SIPUSH, Mmu.INDEX_MASK);
        method.visitInsn(Opcodes.IAND);
        method.visitVarInsn(Opcodes.ISTORE, index);
        return index;
    }

    private void entry(int index, int part) {
        method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.TLB);
        method.visitVarInsn(Opcodes.ILOAD, index);
        if (part != 0) {
            method.visitInsn(Opcodes.ICONST_0 + part);
            method.visitInsn(Opcodes.IADD);
        }
        method.visitInsn(Opcodes.LALOAD);
    }

    @Override
    public Code read(int host, int size) {
        kept(host);
        String name = "get" + size * Byte.SIZE;
        if (size == Long.BYTES) {
            method.visitMethodInsn(Opcodes.INVOKESTATIC, MEMORY, name, "(J)J", false);
            return this;
        }
        method.visitMethodInsn(Opcodes.INVOKESTATIC, MEMORY, name, "(J)I", false);
        method.visitInsn(Opcodes.I2L);
        return size == Integer.BYTES ? zeroExtend(Integer.SIZE) : this;
    }

    @Override
    public void write(int host, int size) {
        int value = keep();
        kept(host).kept(value);
        if (size != Long.BYTES) method.visitInsn(Opcodes.L2I);
        String descriptor = size == Long.BYTES ? "(JJ)V" : "(JI)V";
        method.visitMethodInsn(Opcodes.INVOKESTATIC, MEMORY, "put" + size * Byte.SIZE, descriptor, false);
    }

    // XMM registers

    @Override
    public Code xmm(int index) {
        owner.pushXmm(method);
        method.visitIntInsn(Opcodes.BIPUSH, index);
        method.visitInsn(Opcodes.LALOAD);
        return this;
    }

    @Override
    public void setXmm(int index) {
        int value = keep();
        owner.pushXmm(method);
        method.visitIntInsn(Opcodes.BIPUSH, index);
        kept(value);
        method.visitInsn(Opcodes.LASTORE);
    }

    @Override
    public void requireSse() {
        method.visitVarInsn(Opcodes.ALOAD, 1);
        method.visitMethodInsn(Opcodes.INVOKEVIRTUAL, CPU, "hasSse", "()Z", false);
        method.visitJumpInsn(Opcodes.IFEQ, cold().entry);
    }

    @Override
    public void requireAvx() {
        method.visitVarInsn(Opcodes.ALOAD, 1);
        method.visitMethodInsn(Opcodes.INVOKEVIRTUAL, CPU, "hasAvx", "()Z", false);
        method.visitJumpInsn(Opcodes.IFEQ, cold().entry);
    }

    @Override
    public void requireAligned(int linear, int size) {
        kept(linear).constant(size - 1).and().constant(0);
        method.visitInsn(Opcodes.LCMP);
        method.visitJumpInsn(Opcodes.IFNE, cold().entry);
    }

    @Override
    public void apply(XmmOperation operation, int to, int low, int high) {
        owner.push(method, operation, XmmOperation.class);
        owner.pushXmm(method);
        method.visitIntInsn(Opcodes.BIPUSH, to);
        kept(low).kept(high);
        method.visitMethodInsn(Opcodes.INVOKEINTERFACE, XMM_OPERATION, "apply", "([JIJJ)V", true);
    }

    @Override
    public void apply(XmmFloatOperation operation, int to, int low, int high) {
        Label unmasked = slowWay();
        owner.push(method, operation, XmmFloatOperation.class);
        owner.pushXmm(method);
        method.visitIntInsn(Opcodes.BIPUSH, to);
        kept(low).kept(high);
        pushMxcsr();
        method.visitMethodInsn(Opcodes.INVOKEINTERFACE, FLOAT_OPERATION, "apply", "([JIJJL" + MXCSR + ";)Z", true);
        method.visitJumpInsn(Opcodes.IFEQ, unmasked);
    }

    @Override
    public Code compute(LaneOperation operation, int a, int b) {
        owner.push(method, operation, LaneOperation.class);
        kept(a).kept(b);
        method.visitMethodInsn(Opcodes.INVOKEINTERFACE, LANE_OPERATION, "apply", "(JJ)J", true);
        return this;
    }

    @Override
    public Code compute(XmmFloatOperation.Of64 operation, int a, int b) {
        Label unmasked = slowWay();
        owner.push(method, operation, XmmFloatOperation.Of64.class);
        kept(a).kept(b);
        pushMxcsr();
        method.visitMethodInsn(Opcodes.INVOKEINTERFACE, OF_64, "apply", "(JJL" + MXCSR + ";)J", true);
        int result = keep();
        pushMxcsr();
        method.visitMethodInsn(Opcodes.INVOKEVIRTUAL, MXCSR, "commit", "()Z", false);
        method.visitJumpInsn(Opcodes.IFEQ, unmasked);
        return kept(result);
    }

    private void pushMxcsr() {
        method.visitVarInsn(Opcodes.ALOAD, 1);
        method.visitFieldInsn(Opcodes.GETFIELD, CPU, "mxcsr", "L" + MXCSR + ";");
    }
}
