package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Mmu;
import dev.microvm.engine.memory.HostMemory;
import dev.microvm.engine.simd.LaneOperation;
import dev.microvm.engine.simd.Mxcsr;
import dev.microvm.engine.simd.XmmFloatOperation;
import dev.microvm.engine.simd.XmmOperation;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** The part of {@link Code} for memory and vector registers. */
abstract class MemoryEmitter extends ArithmeticEmitter {
    private static final String XMM_OPERATION = Type.getInternalName(XmmOperation.class);
    private static final String FLOAT_OPERATION = Type.getInternalName(XmmFloatOperation.class);
    private static final String LANE_OPERATION = Type.getInternalName(LaneOperation.class);
    private static final String OF_64 = Type.getInternalName(XmmFloatOperation.Of64.class);
    private static final String MXCSR = Type.getInternalName(Mxcsr.class);
    private static final String MEMORY = Type.getInternalName(HostMemory.class);

    final RegionClass owner;
    final RegionExits exits;

    /** That which is written now. */
    private Instruction instruction;

    private @Nullable Label slowWay;

    MemoryEmitter(MethodVisitor method, RegionClass owner, RegionRegisters registers, Instruction first) {
        super(method, registers);
        this.owner = owner;
        this.exits = new RegionExits(method, registers, owner.links);
        this.instruction = first;
    }

    final void begin(Instruction next) {
        instruction = next;
        slowWay = null;
    }

    /** Where to jump to leave the region before the present instruction, which runs as it is. */
    @Override
    final Label slowWay() {
        if (slowWay == null) slowWay = exits.prepare(instruction, passing);
        return slowWay;
    }

    /** Where to jump to leave the region after an instruction that was called. */
    final Label done(Instruction called) {
        return exits.prepare(new Exit.After(called), 0);
    }

    // Memory

    @Override
    public final int host(int linear, int size, int access) {
        Label miss = slowWay();
        int index = index(linear);
        kept(linear);
        if (size > 1) constant(size - 1).add();
        constant(Mmu.PAGE).and();
        entry(index, access);
        method.visitInsn(Opcodes.LCMP);
        method.visitJumpInsn(Opcodes.IFNE, miss);
        kept(linear);
        entry(index, Mmu.ADDEND);
        return add().keep();
    }

    /**
     * Computes where the entry of an address is, in a table of any size; returns a temporary of one
     * word.
     */
    final int index(int linear) {
        int index = newTemporary(1);
        kept(linear).shiftRightUnsigned(Mmu.INDEX_SHIFT);
        method.visitInsn(Opcodes.L2I);
        method.visitIntInsn(Opcodes.BIPUSH, -Mmu.STRIDE);
        method.visitInsn(Opcodes.IAND);
        method.visitVarInsn(Opcodes.ISTORE, index);
        return index;
    }

    /** Pushes a part of an entry. */
    final void entry(int index, int part) {
        method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.TLB);
        pushPlace(index, part);
        method.visitInsn(Opcodes.LALOAD);
    }

    /**
     * Pushes where a part of an entry is in the table. HotSpot knows that {@code i & (length - 1)} is
     * within an array that is not empty, and checks no bounds.
     */
    final void pushPlace(int index, int part) {
        method.visitVarInsn(Opcodes.ILOAD, index);
        if (part != 0) {
            method.visitInsn(Opcodes.ICONST_0 + part);
            method.visitInsn(Opcodes.IOR);
        }
        method.visitVarInsn(Opcodes.ILOAD, RegionRegisters.TLB_MASK);
        method.visitInsn(Opcodes.IAND);
    }

    @Override
    public final Code read(int host, int size) {
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
    public final void write(int host, int size) {
        int value = keep();
        kept(host).kept(value);
        if (size != Long.BYTES) method.visitInsn(Opcodes.L2I);
        String descriptor = size == Long.BYTES ? "(JJ)V" : "(JI)V";
        method.visitMethodInsn(Opcodes.INVOKESTATIC, MEMORY, "put" + size * Byte.SIZE, descriptor, false);
    }

    // Vector registers

    @Override
    public final Code xmm(int index) {
        pushXmm();
        method.visitIntInsn(Opcodes.BIPUSH, index);
        method.visitInsn(Opcodes.LALOAD);
        return this;
    }

    @Override
    public final void setXmm(int index) {
        int value = keep();
        pushXmm();
        method.visitIntInsn(Opcodes.BIPUSH, index);
        kept(value);
        method.visitInsn(Opcodes.LASTORE);
    }

    private void pushXmm() {
        method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.XMM);
    }

    @Override
    public final void requireSse() {
        requireOfCpu("hasSse");
    }

    @Override
    public final void requireAvx() {
        requireOfCpu("hasAvx");
    }

    private void requireOfCpu(String question) {
        Label without = slowWay();
        method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.CPU);
        method.visitMethodInsn(Opcodes.INVOKEVIRTUAL, RegionRegisters.CPU_NAME, question, "()Z", false);
        method.visitJumpInsn(Opcodes.IFEQ, without);
    }

    @Override
    public final void requireAligned(int linear, int size) {
        Label unaligned = slowWay();
        kept(linear).constant(size - 1).and().constant(0);
        method.visitInsn(Opcodes.LCMP);
        method.visitJumpInsn(Opcodes.IFNE, unaligned);
    }

    @Override
    public final void apply(XmmOperation operation, int to, int low, int high) {
        owner.push(method, operation, XmmOperation.class);
        pushXmm();
        method.visitIntInsn(Opcodes.BIPUSH, to);
        kept(low).kept(high);
        method.visitMethodInsn(Opcodes.INVOKEINTERFACE, XMM_OPERATION, "apply", "([JIJJ)V", true);
    }

    @Override
    public final void apply(XmmFloatOperation operation, int to, int low, int high) {
        Label unmasked = slowWay();
        owner.push(method, operation, XmmFloatOperation.class);
        pushXmm();
        method.visitIntInsn(Opcodes.BIPUSH, to);
        kept(low).kept(high);
        pushMxcsr();
        method.visitMethodInsn(Opcodes.INVOKEINTERFACE, FLOAT_OPERATION, "apply", "([JIJJL" + MXCSR + ";)Z", true);
        method.visitJumpInsn(Opcodes.IFEQ, unmasked);
    }

    @Override
    public final Code compute(LaneOperation operation, int a, int b) {
        owner.push(method, operation, LaneOperation.class);
        kept(a).kept(b);
        method.visitMethodInsn(Opcodes.INVOKEINTERFACE, LANE_OPERATION, "apply", "(JJ)J", true);
        return this;
    }

    @Override
    public final Code compute(XmmFloatOperation.Of64 operation, int a, int b) {
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
        method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.CPU);
        method.visitFieldInsn(Opcodes.GETFIELD, RegionRegisters.CPU_NAME, "mxcsr", "L" + MXCSR + ";");
    }
}
