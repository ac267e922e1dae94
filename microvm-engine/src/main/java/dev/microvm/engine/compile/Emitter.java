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

    private static final String REGION_FLAGS = Type.getInternalName(RegionFlags.class);
    private static final int UNKNOWN = -1;

    final MethodVisitor method;
    final RegionRegisters registers;

    /** Slots that have a meaning inside of an instruction alone, and were set in this block. */
    int passing;

    private int nextTemporary = RegionRegisters.TEMPORARIES;
    private int kind = UNKNOWN; // of the flags that are there, in RegionFlags
    private boolean logic; // whether they are those of AND, OR, XOR or TEST

    Emitter(MethodVisitor method, RegionRegisters registers) {
        this.method = method;
        this.registers = registers;
    }

    final void beginBlock() {
        passing = 0;
        nextTemporary = RegionRegisters.TEMPORARIES;
        know(UNKNOWN);
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
        method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.REGISTERS);
        method.visitIntInsn(Opcodes.BIPUSH, slot);
        method.visitInsn(Opcodes.LALOAD);
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

    /** They were loaded from {@link dev.microvm.engine.cpu.Cpu}. */
    final void flagsAreCarries() {
        know(RegionFlags.CARRIES);
    }

    private void know(int kindOfFlags) {
        kind = kindOfFlags;
        logic = false;
    }

    private void setKind(int kindOfFlags) {
        RegionRegisters.setKind(method, kindOfFlags);
        know(kindOfFlags);
    }

    @Override
    public final void flagsOfLogic(int result) {
        kept(result).constant(0).setFlags();
        logic = true;
    }

    @Override
    public final void flagsOfAdd(int a, int b, int result, int bits) {
        setResult(result, bits);
        get(RegionRegisters.FLAG_RESULT).set(RegionRegisters.FLAG_LEFT);
        kept(a).signExtend(bits).set(RegionRegisters.FLAG_RIGHT);
        setKind(RegionFlags.ADD | bits);
    }

    @Override
    public final void flagsOfSubtract(int a, int b, int result, int bits) {
        setResult(result, bits);
        kept(a).signExtend(bits).set(RegionRegisters.FLAG_LEFT);
        kept(b).signExtend(bits).set(RegionRegisters.FLAG_RIGHT);
        setKind(RegionFlags.SUBTRACT | bits);
    }

    @Override
    public final void flagsOfStep(boolean up, int result, int bits) {
        setResult(result, bits);
        setKind((up ? RegionFlags.INCREMENT : RegionFlags.DECREMENT) | bits);
    }

    private void setResult(int result, int bits) {
        kept(result).signExtend(bits).set(RegionRegisters.FLAG_RESULT);
    }

    @Override
    public final void flagsOfAddWithCarry(int a, int b, int result, int bits) {
        flagsWithCarry("carriesOfAdd", a, b, result, bits);
    }

    @Override
    public final void flagsOfSubtractWithCarry(int a, int b, int result, int bits) {
        flagsWithCarry("carriesOfSubtract", a, b, result, bits);
    }

    private void flagsWithCarry(String carries, int a, int b, int result, int bits) {
        kept(result).signExtend(bits);
        kept(a).kept(b).kept(result);
        method.visitIntInsn(Opcodes.BIPUSH, bits);
        call(FLAGS, carries, "(JJJI)J").setFlags();
    }

    @Override
    public final void keepCarry(int before) {
        flagCarry().kept(before);
        call(FLAGS, "withCarryOf", "(JJ)J").setFlagCarry();
    }

    @Override
    public final Code carry() {
        if (kind == RegionFlags.CARRIES) return flagCarry().shiftRightUnsigned(Long.SIZE - 1);
        get(RegionRegisters.FLAG_LEFT).get(RegionRegisters.FLAG_RIGHT);
        return call(REGION_FLAGS, "below", "(JJ)J");
    }

    @Override
    public final Code flagCarry() {
        if (kind == RegionFlags.CARRIES)
            return get(RegionRegisters.FLAG_LEFT).constant(-1).xor();
        get(RegionRegisters.FLAG_RESULT).get(RegionRegisters.FLAG_LEFT).get(RegionRegisters.FLAG_RIGHT);
        if (kind == UNKNOWN) method.visitVarInsn(Opcodes.ILOAD, RegionRegisters.FLAG_KIND);
        else method.visitIntInsn(Opcodes.BIPUSH, kind - RegionFlags.operation(kind));
        return call(REGION_FLAGS, carriesOfKind(), "(JJJI)J");
    }

    private String carriesOfKind() {
        if (kind == UNKNOWN) return "carries";
        return switch (RegionFlags.operation(kind)) {
            case RegionFlags.ADD -> "added";
            case RegionFlags.SUBTRACT -> "subtracted";
            case RegionFlags.INCREMENT -> "incremented";
            default -> "decremented";
        };
    }

    @Override
    public final void setFlagCarry() {
        registers.set(RegionRegisters.FLAGS);
        RegionRegisters.setCarries(method);
        flagsAreCarries();
    }

    @Override
    public final Code flagResult() {
        return get(RegionRegisters.FLAG_RESULT);
    }

    @Override
    public final void setFlags() {
        setFlagCarry();
        set(RegionRegisters.FLAG_RESULT);
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
        boolean subtracted = kind != UNKNOWN && RegionFlags.operation(kind) == RegionFlags.SUBTRACT;
        if (subtracted && jumpIfCompared(condition >> 1, negated, target)) return;
        if (logic && jumpIfLogic(condition >> 1, negated, target)) return;
        switch (condition >> 1) {
            case 0 -> flag(negated, target, "overflow", false);
            case 1 -> compareUnsigned(negated ? Opcodes.IFGE : Opcodes.IFLT, target);
            case 2 -> jumpIfResult(negated ? Opcodes.IFNE : Opcodes.IFEQ, target);
            case 3 -> zeroOrCarry(negated, target);
            case 4 -> jumpIfSign(negated, target);
            case 5 -> flag(negated, target, "parity", true);
            case 6 -> flag(negated, target, "less", true);
            default -> zeroOrLess(negated, target);
        }
    }

    /** Asks {@link Flags}. */
    private void flag(boolean negated, Label target, String name, boolean needsResult) {
        if (needsResult) get(RegionRegisters.FLAG_RESULT);
        flagCarry();
        call(FLAGS, name, needsResult ? "(JJ)Z" : "(J)Z");
        method.visitJumpInsn(negated ? Opcodes.IFEQ : Opcodes.IFNE, target);
    }

    private void zeroOrCarry(boolean negated, Label target) {
        Label neither = new Label();
        jumpIfResult(Opcodes.IFEQ, negated ? neither : target);
        compareUnsigned(negated ? Opcodes.IFGE : Opcodes.IFLT, target);
        method.visitLabel(neither);
    }

    private void zeroOrLess(boolean negated, Label target) {
        Label neither = new Label();
        jumpIfResult(Opcodes.IFEQ, negated ? neither : target);
        flag(negated, target, "less", true);
        method.visitLabel(neither);
    }

    /** Only carries that were set as such turn SF over. */
    private void jumpIfSign(boolean negated, Label target) {
        if (kind == UNKNOWN || kind == RegionFlags.CARRIES) flag(negated, target, "sign", true);
        else jumpIfResult(negated ? Opcodes.IFGE : Opcodes.IFLT, target);
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
        get(RegionRegisters.FLAG_LEFT).get(RegionRegisters.FLAG_RIGHT);
    }

    private void compareUnsigned(int opcode, Label target) {
        operands();
        call("java/lang/Long", "compareUnsigned", "(JJ)I");
        method.visitJumpInsn(opcode, target);
    }
}
