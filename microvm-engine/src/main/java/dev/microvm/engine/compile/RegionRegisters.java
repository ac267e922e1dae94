package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.Cpu;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** Which registers and flags are local variables of a region, and where. */
final class RegionRegisters {
    static final String CPU_NAME = Type.getInternalName(Cpu.class);

    // What comes after the slots of Cpu.r
    static final int FLAG_RESULT = 27;
    static final int FLAG_CARRY = 28;
    static final int COUNT = 29;

    // Local variables; 0 is the region
    static final int CPU = 1; // a parameter, as the next three
    static final int TURNS = 2;
    static final int REGISTERS = 3;
    static final int TLB = 4;
    static final int EXIT = 5;
    static final int XMM = 6;
    static final int TARGET = 7;
    private static final int FIRST = 9;

    /** The first that is for temporaries. */
    static final int TEMPORARIES = FIRST + 2 * COUNT;

    private int used;
    private int set;

    static int local(int slot) {
        return FIRST + 2 * slot;
    }

    /** Whether a slot has a meaning inside of an instruction alone. */
    static boolean isPassing(int slot) {
        return slot >= Cpu.ADDRESS && slot < FLAG_RESULT;
    }

    static String flagName(int slot) {
        return slot == FLAG_RESULT ? "flagResult" : "flagCarry";
    }

    void use(int slot) {
        used |= 1 << slot;
    }

    void set(int slot) {
        used |= 1 << slot;
        set |= 1 << slot;
    }

    /** Whether it is a local variable. */
    boolean isUsed(int slot) {
        return (used >> slot & 1) != 0;
    }

    /** Whether it must be put back where the region ends. */
    private boolean isSaved(int slot) {
        return (set >> slot & 1) != 0 && !isPassing(slot);
    }

    /** Puts all back into {@link Cpu}. */
    void save(MethodVisitor method) {
        for (int slot = 0; slot < COUNT; slot++) {
            if (isSaved(slot)) save(method, slot, local(slot), REGISTERS, CPU);
        }
    }

    /** Puts slots back that have a meaning inside of an instruction alone; they are bits. */
    void saveSlots(MethodVisitor method, int slots) {
        for (int slot = Cpu.ADDRESS; slot < FLAG_RESULT; slot++) {
            if ((slots >> slot & 1) != 0) save(method, slot, local(slot), REGISTERS, CPU);
        }
    }

    private static void save(MethodVisitor method, int slot, int from, int registers, int cpu) {
        if (slot < FLAG_RESULT) {
            method.visitVarInsn(Opcodes.ALOAD, registers);
            method.visitIntInsn(Opcodes.BIPUSH, slot);
            method.visitVarInsn(Opcodes.LLOAD, from);
            method.visitInsn(Opcodes.LASTORE);
        } else {
            method.visitVarInsn(Opcodes.ALOAD, cpu);
            method.visitVarInsn(Opcodes.LLOAD, from);
            method.visitFieldInsn(Opcodes.PUTFIELD, CPU_NAME, flagName(slot), "J");
        }
    }

    // The method that puts all back, which is shorter to call than to repeat

    /** Calls it. */
    void callSave(MethodVisitor method, String owner, String name) {
        method.visitVarInsn(Opcodes.ALOAD, CPU);
        method.visitVarInsn(Opcodes.ALOAD, REGISTERS);
        for (int slot = 0; slot < COUNT; slot++) {
            if (isSaved(slot)) method.visitVarInsn(Opcodes.LLOAD, local(slot));
        }
        method.visitMethodInsn(Opcodes.INVOKESTATIC, owner, name, saveDescriptor(), false);
    }

    String saveDescriptor() {
        StringBuilder descriptor = new StringBuilder("(L").append(CPU_NAME).append(";[J");
        for (int slot = 0; slot < COUNT; slot++) {
            if (isSaved(slot)) descriptor.append('J');
        }
        return descriptor.append(")V").toString();
    }

    /** Writes it. */
    void writeSave(MethodVisitor method) {
        int argument = 2;
        for (int slot = 0; slot < COUNT; slot++) {
            if (!isSaved(slot)) continue;
            save(method, slot, argument, 1, 0);
            argument += 2;
        }
        method.visitInsn(Opcodes.RETURN);
    }
}
