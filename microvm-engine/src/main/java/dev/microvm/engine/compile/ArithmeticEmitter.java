package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.exec.Atomic;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * The part of {@link Code} for division, counts of bits and atomic stores, and for what must hold
 * for an instruction not to be done the slow way.
 */
abstract class ArithmeticEmitter extends Emitter {
    private static final String LONG = Type.getInternalName(Long.class);
    private static final String FLAGS = Type.getInternalName(Flags.class);
    private static final String ATOMIC = Type.getInternalName(Atomic.class);

    ArithmeticEmitter(MethodVisitor method, RegionRegisters registers) {
        super(method, registers);
    }

    /** Where to jump to do the present instruction the slow way. */
    abstract Label slowWay();

    // Counts of bits

    @Override
    public final Code trailingZeros() {
        return count("numberOfTrailingZeros");
    }

    @Override
    public final Code leadingZeros() {
        return count("numberOfLeadingZeros");
    }

    @Override
    public final Code ones() {
        return count("bitCount");
    }

    private Code count(String name) {
        method.visitMethodInsn(Opcodes.INVOKESTATIC, LONG, name, "(J)I", false);
        method.visitInsn(Opcodes.I2L);
        return this;
    }

    @Override
    public final void zeroFlag(int value) {
        withZero("resultWithZero", value);
        withZero("carriesWithZero", value);
        setFlags();
    }

    private void withZero(String name, int value) {
        flagResult().flagCarry().kept(value);
        method.visitMethodInsn(Opcodes.INVOKESTATIC, FLAGS, name, "(JJJ)J", false);
    }

    // Division

    @Override
    public final Code divide() {
        method.visitInsn(Opcodes.LDIV);
        return this;
    }

    @Override
    public final Code remainder() {
        method.visitInsn(Opcodes.LREM);
        return this;
    }

    @Override
    public final Code divideUnsigned() {
        method.visitMethodInsn(Opcodes.INVOKESTATIC, LONG, "divideUnsigned", "(JJ)J", false);
        return this;
    }

    @Override
    public final Code remainderUnsigned() {
        method.visitMethodInsn(Opcodes.INVOKESTATIC, LONG, "remainderUnsigned", "(JJ)J", false);
        return this;
    }

    // Atomic stores

    @Override
    public final Code compareAndSet(int host, int size, int expected, int value) {
        kept(host);
        method.visitIntInsn(Opcodes.BIPUSH, size);
        kept(expected).kept(value);
        method.visitMethodInsn(Opcodes.INVOKESTATIC, ATOMIC, "compareAndSet", "(JIJJ)Z", false);
        method.visitInsn(Opcodes.I2L);
        return this;
    }

    // What must hold

    @Override
    public final void requireEqual(int a, int b) {
        Label otherwise = slowWay();
        kept(a).kept(b);
        method.visitInsn(Opcodes.LCMP);
        method.visitJumpInsn(Opcodes.IFNE, otherwise);
    }

    @Override
    public final void requireBelow(int a, int b) {
        Label otherwise = slowWay();
        kept(a).kept(b);
        method.visitMethodInsn(Opcodes.INVOKESTATIC, LONG, "compareUnsigned", "(JJ)I", false);
        method.visitJumpInsn(Opcodes.IFGE, otherwise);
    }
}
