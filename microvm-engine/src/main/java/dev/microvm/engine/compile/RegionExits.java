package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import java.util.Map;
import java.util.TreeMap;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * How a region is left. Each place that may leave notes the number of what to continue with in a
 * local variable and jumps to code that all share: it puts registers and flags back, once for the
 * whole region. HotSpot makes nothing of the note where the jump is not taken.
 */
final class RegionExits {
    private static final String LEAVE = Type.getMethodDescriptor(
            Type.getType(Block.class), Type.getType(Instruction.class), Type.getType(Cpu.class));
    private static final int TO_ADDRESS = -1; // instead of a number

    private final MethodVisitor method;
    private final RegionRegisters registers;
    private final RegionLinks links;
    private final Label all = new Label();
    private final Map<Integer, Label> passing = new TreeMap<>(); // by which slots are put back, too
    private boolean toAddress;

    RegionExits(MethodVisitor method, RegionRegisters registers, RegionLinks links) {
        this.method = method;
        this.registers = registers;
        this.links = links;
    }

    /**
     * Notes what to continue with; the operand stack may hold anything.
     *
     * @param slots those of one instruction alone that were set, and are put back, too: a set of bits
     * @return where to jump
     */
    Label prepare(Instruction by, int slots) {
        note(links.exit(by));
        return slots == 0 ? all : passing.computeIfAbsent(slots, ignored -> new Label());
    }

    /** Leaves, to continue with an instruction. */
    void leave(Instruction by, int slots) {
        method.visitJumpInsn(Opcodes.GOTO, prepare(by, slots));
    }

    /** Leaves for an address, in a temporary. */
    void leaveTo(int target) {
        toAddress = true;
        method.visitVarInsn(Opcodes.LLOAD, target);
        method.visitVarInsn(Opcodes.LSTORE, RegionRegisters.TARGET);
        note(TO_ADDRESS);
        method.visitJumpInsn(Opcodes.GOTO, all);
    }

    private void note(int number) {
        if (number <= Byte.MAX_VALUE) {
            method.visitIntInsn(Opcodes.BIPUSH, number);
        } else {
            method.visitIntInsn(Opcodes.SIPUSH, number);
        }
        method.visitVarInsn(Opcodes.ISTORE, RegionRegisters.EXIT);
    }

    /** Writes what the exits share. */
    void write() {
        passing.forEach((slots, label) -> {
            method.visitLabel(label);
            registers.saveSlots(method, slots);
            method.visitJumpInsn(Opcodes.GOTO, all);
        });
        method.visitLabel(all);
        registers.save(method);
        if (toAddress) writeToAddress();
        RegionLinks.pushExit(method, RegionRegisters.EXIT);
        method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.CPU);
        method.visitMethodInsn(Opcodes.INVOKESTATIC, Type.getInternalName(RegionCalls.class), "leave", LEAVE, false);
        method.visitInsn(Opcodes.ARETURN);
    }

    private void writeToAddress() {
        Label other = new Label();
        method.visitVarInsn(Opcodes.ILOAD, RegionRegisters.EXIT);
        method.visitJumpInsn(Opcodes.IFGE, other);
        method.visitVarInsn(Opcodes.ALOAD, RegionRegisters.CPU);
        method.visitVarInsn(Opcodes.LLOAD, RegionRegisters.TARGET);
        String descriptor = Type.getMethodDescriptor(Type.getType(Block.class), Type.LONG_TYPE);
        method.visitMethodInsn(Opcodes.INVOKEVIRTUAL, Type.getInternalName(Cpu.class), "jump", descriptor, false);
        method.visitInsn(Opcodes.ARETURN);
        method.visitLabel(other);
    }
}
