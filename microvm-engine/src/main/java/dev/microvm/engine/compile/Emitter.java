package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Flags;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** The part of {@link Code} that computes: values, registers, flags and conditions. */
abstract class Emitter implements Code {
    private static final String FLAGS = Type.getInternalName(Flags.class);

    /** What left the flags that are there: conditions of some can be told from its operands. */
    private enum Known {
        NOTHING,
        LOGIC,
        SUBTRACTION
    }

    final MethodVisitor method;
    final RegionRegisters registers;

    /** Slots that have a meaning inside of an instruction alone, and were set in this block. */
    int passing;

    private int nextTemporary = RegionRegisters.TEMPORARIES;
    private Known known = Known.NOTHING;
    private int left; // of a subtraction
    private int right;
    private int unused;

    Emitter(MethodVisitor method, RegionRegisters registers) {
        this.method = method;
        this.registers = registers;
    }

    final void beginBlock() {
        passing = 0;
        nextTemporary = RegionRegisters.TEMPORARIES;
        forgetFlags();
    }

    // Registers and values

    @Override
    public final Code get(int slot) {
        if (RegionRegisters.isPassing(slot) && (passing >> slot & 1) == 0) {
            fetch(slot);
        } else {
            registers.use(slot);
            method.visitVarInsn(Opcodes.LLOAD, RegionRegisters.local(slot));
        }
        return this;
    }

    @Override
    public final Code set(int slot) {
        registers.set(slot);
        if (RegionRegisters.isPassing(slot)) passing |= 1 << slot;
        method.visitVarInsn(Opcodes.LSTORE, RegionRegisters.local(slot));
        return this;
    }

    /** Loads a local variable from {@link dev.microvm.engine.cpu.Cpu}. */
    final void reload(int slot) {
        fetch(slot);
        method.visitVarInsn(Opcodes.LSTORE, RegionRegisters.local(slot));
        if (RegionRegisters.isPassing(slot)) passing |= 1 << slot;
    }

    private void fetch(int slot) {
        if (slot >= RegionRegisters.FLAG_RESULT) {
            method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.CPU);
            method.visitFieldInsn(Opcodes.GETFIELD, RegionRegisters.CPU_NAME, RegionRegisters.flagName(slot), "J");
        } else {
            method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.REGISTERS);
            method.visitIntInsn(Opcodes.BIPUSH, slot);
            method.visitInsn(Opcodes.LALOAD);
        }
    }

    @Override
    public final Code constant(long value) {
        if (value == 0 || value == 1) {
            method.visitInsn(Opcodes.LCONST_0 + (int) value);
        } else {
            method.visitLdcInsn(value);
        }
        return this;
    }

    final int newTemporary(int words) {
        int temporary = nextTemporary;
        nextTemporary += words;
        return temporary;
    }

    @Override
    public final int keep() {
        int temporary = newTemporary(2);
        method.visitVarInsn(Opcodes.LSTORE, temporary);
        return temporary;
    }

    @Override
    public final Code kept(int temporary) {
        method.visitVarInsn(Opcodes.LLOAD, temporary);
        return this;
    }

    private Code instruction(int opcode) {
        method.visitInsn(opcode);
        return this;
    }

    @Override
    public final Code add() {
        return instruction(Opcodes.LADD);
    }

    @Override
    public final Code subtract() {
        return instruction(Opcodes.LSUB);
    }

    @Override
    public final Code multiply() {
        return instruction(Opcodes.LMUL);
    }

    @Override
    public final Code multiplyHigh() {
        return call("java/lang/Math", "multiplyHigh", "(JJ)J");
    }

    @Override
    public final Code unsignedMultiplyHigh() {
        return call("java/lang/Math", "unsignedMultiplyHigh", "(JJ)J");
    }

    @Override
    public final Code and() {
        return instruction(Opcodes.LAND);
    }

    @Override
    public final Code or() {
        return instruction(Opcodes.LOR);
    }

    @Override
    public final Code xor() {
        return instruction(Opcodes.LXOR);
    }

    @Override
    public final Code shiftLeft(int count) {
        return shift(Opcodes.LSHL, count);
    }

    @Override
    public final Code shiftRight(int count) {
        return shift(Opcodes.LSHR, count);
    }

    @Override
    public final Code shiftRightUnsigned(int count) {
        return shift(Opcodes.LUSHR, count);
    }

    @Override
    public final Code shiftLeft() {
        return shift(Opcodes.LSHL);
    }

    @Override
    public final Code shiftRight() {
        return shift(Opcodes.LSHR);
    }

    @Override
    public final Code shiftRightUnsigned() {
        return shift(Opcodes.LUSHR);
    }

    private Code shift(int opcode) {
        method.visitInsn(Opcodes.L2I);
        return instruction(opcode);
    }

    @Override
    public final Code reverseBytes() {
        return call("java/lang/Long", "reverseBytes", "(J)J");
    }

    private Code shift(int opcode, int count) {
        if (count == 0) return this;
        method.visitIntInsn(Opcodes.BIPUSH, count);
        return instruction(opcode);
    }

    @Override
    public final Code zeroExtend(int bits) {
        return bits == 0 ? this : constant(-1L >>> bits).and();
    }

    @Override
    public final Code signExtend(int bits) {
        if (bits == 0) return this;
        method.visitInsn(Opcodes.L2I);
        if (bits == Long.SIZE - Short.SIZE) method.visitInsn(Opcodes.I2S);
        if (bits == Long.SIZE - Byte.SIZE) method.visitInsn(Opcodes.I2B);
        return instruction(Opcodes.I2L);
    }

    private Code call(String owner, String name, String descriptor) {
        method.visitMethodInsn(Opcodes.INVOKESTATIC, owner, name, descriptor, false);
        return this;
    }

    // Flags

    final void forgetFlags() {
        known = Known.NOTHING;
    }

    @Override
    public final void flagsOfLogic(int result) {
        kept(result).set(RegionRegisters.FLAG_RESULT).constant(0).set(RegionRegisters.FLAG_CARRY);
        known = Known.LOGIC;
    }

    @Override
    public final void flagsOfAdd(int a, int b, int result, int bits) {
        flagsOf("carriesOfAdd", a, b, result, bits);
        known = Known.NOTHING;
    }

    @Override
    public final void flagsOfSubtract(int a, int b, int result, int bits) {
        flagsOf("carriesOfSubtract", a, b, result, bits);
        known = Known.SUBTRACTION;
        left = a;
        right = b;
        unused = bits;
    }

    @Override
    public final void flagsOfBorrow(int a, int b, int result, int bits) {
        flagsOf("carriesOfSubtract", a, b, result, bits);
        known = Known.NOTHING;
    }

    @Override
    public final void keepCarry(int before) {
        get(RegionRegisters.FLAG_CARRY).kept(before);
        call(FLAGS, "withCarryOf", "(JJ)J").set(RegionRegisters.FLAG_CARRY);
        forgetFlags();
    }

    private void flagsOf(String carries, int a, int b, int result, int bits) {
        kept(result).signExtend(bits).set(RegionRegisters.FLAG_RESULT);
        kept(a).kept(b).kept(result);
        method.visitIntInsn(Opcodes.BIPUSH, bits);
        call(FLAGS, carries, "(JJJI)J").set(RegionRegisters.FLAG_CARRY);
    }

    @Override
    public final Code flagCarry() {
        return get(RegionRegisters.FLAG_CARRY);
    }

    @Override
    public final void setFlagCarry() {
        set(RegionRegisters.FLAG_CARRY);
        forgetFlags();
    }

    @Override
    public final Code flagResult() {
        return get(RegionRegisters.FLAG_RESULT);
    }

    @Override
    public final void setFlags() {
        set(RegionRegisters.FLAG_CARRY).set(RegionRegisters.FLAG_RESULT);
        forgetFlags();
    }

    @Override
    public final Code select(int condition) {
        int chosen = keep();
        int other = keep();
        Label holds = new Label();
        jumpIf(condition, holds);
        return choose(other, chosen, holds);
    }

    @Override
    public final Code selectIfZero(int temporary) {
        int chosen = keep();
        int other = keep();
        Label zero = new Label();
        kept(temporary).constant(0);
        compare(Opcodes.IFEQ, zero);
        return choose(other, chosen, zero);
    }

    /** Pushes one value or, where a jump leads, another. */
    private Code choose(int other, int chosen, Label holds) {
        int value = newTemporary(2);
        Label done = new Label();
        copy(other, value);
        method.visitJumpInsn(Opcodes.GOTO, done);
        method.visitLabel(holds);
        copy(chosen, value);
        method.visitLabel(done);
        return kept(value);
    }

    private void copy(int from, int to) {
        method.visitVarInsn(Opcodes.LLOAD, from);
        method.visitVarInsn(Opcodes.LSTORE, to);
    }

    // Conditions, as Flags.condition numbers them

    /** Jumps if a condition holds. */
    final void jumpIf(int condition, Label target) {
        boolean negated = (condition & 1) != 0;
        if (known == Known.SUBTRACTION && jumpIfCompared(condition >> 1, negated, target)) return;
        if (known == Known.LOGIC && jumpIfLogic(condition >> 1, negated, target)) return;
        switch (condition >> 1) {
            case 0 -> flag(negated, target, "overflow", false);
            case 1 -> {
                get(RegionRegisters.FLAG_CARRY).constant(0);
                compare(negated ? Opcodes.IFGE : Opcodes.IFLT, target);
            }
            case 2 -> jumpIfResult(negated ? Opcodes.IFNE : Opcodes.IFEQ, target);
            case 3 -> either(negated, target, Opcodes.IFLT);
            case 4 -> flag(negated, target, "sign", true);
            case 5 -> flag(negated, target, "parity", true);
            case 6 -> flag(negated, target, "less", true);
            default -> either(negated, target, 0);
        }
    }

    /** Asks {@link Flags}. */
    private void flag(boolean negated, Label target, String name, boolean needsResult) {
        if (needsResult) get(RegionRegisters.FLAG_RESULT);
        get(RegionRegisters.FLAG_CARRY);
        call(FLAGS, name, needsResult ? "(JJ)Z" : "(J)Z");
        method.visitJumpInsn(negated ? Opcodes.IFEQ : Opcodes.IFNE, target);
    }

    /** Jumps if ZF or another holds: CF if its opcode is given, else less. */
    private void either(boolean negated, Label target, int carry) {
        Label neither = new Label();
        Label yes = negated ? neither : target;
        jumpIfResult(Opcodes.IFEQ, yes);
        if (carry != 0) {
            get(RegionRegisters.FLAG_CARRY).constant(0);
            compare(negated ? Opcodes.IFGE : Opcodes.IFLT, target);
        } else {
            flag(negated, target, "less", true);
        }
        method.visitLabel(neither);
    }

    private void jumpIfResult(int opcode, Label target) {
        get(RegionRegisters.FLAG_RESULT).constant(0);
        compare(opcode, target);
    }

    private void compare(int opcode, Label target) {
        method.visitInsn(Opcodes.LCMP);
        method.visitJumpInsn(opcode, target);
    }

    /** After AND, OR, XOR and TEST neither CF nor OF is set. Returns false for PF. */
    private boolean jumpIfLogic(int flag, boolean negated, Label target) {
        switch (flag) {
            case 0, 1 -> {
                constant(0).constant(0); // a jump without a condition would leave dead code behind
                compare(negated ? Opcodes.IFEQ : Opcodes.IFNE, target);
            }
            case 2, 3 -> jumpIfResult(negated ? Opcodes.IFNE : Opcodes.IFEQ, target);
            case 4, 6 -> jumpIfResult(negated ? Opcodes.IFGE : Opcodes.IFLT, target);
            case 7 -> jumpIfResult(negated ? Opcodes.IFGT : Opcodes.IFLE, target);
            default -> {
                return false;
            }
        }
        return true;
    }

    /** Compares what was subtracted. Returns false for OF and PF. */
    private boolean jumpIfCompared(int flag, boolean negated, Label target) {
        switch (flag) {
            case 1 -> compareUnsigned(negated ? Opcodes.IFGE : Opcodes.IFLT, target);
            case 2 -> {
                operands();
                compare(negated ? Opcodes.IFNE : Opcodes.IFEQ, target);
            }
            case 3 -> compareUnsigned(negated ? Opcodes.IFGT : Opcodes.IFLE, target);
            case 4 -> jumpIfResult(negated ? Opcodes.IFGE : Opcodes.IFLT, target);
            case 6 -> {
                operands();
                compare(negated ? Opcodes.IFGE : Opcodes.IFLT, target);
            }
            case 7 -> {
                operands();
                compare(negated ? Opcodes.IFGT : Opcodes.IFLE, target);
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private void operands() {
        kept(left).signExtend(unused).kept(right).signExtend(unused);
    }

    private void compareUnsigned(int opcode, Label target) {
        operands(); // the order of what is sign-extended is that of what is zero-extended
        call("java/lang/Long", "compareUnsigned", "(JJ)I");
        method.visitJumpInsn(opcode, target);
    }
}
