package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.Cpu;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** Which registers and flags are local variables of a region, and where. */
final class RegionRegisters {
    static final String CPU_NAME = Type.getInternalName(Cpu.class);

    // What comes after the slots of Cpu.r: the flags, as RegionFlags has them; used and set together
    static final int FLAGS = 27;
    static final int FLAG_RESULT = FLAGS;
    static final int FLAG_LEFT = 28;
    static final int FLAG_RIGHT = 29;
    private static final int COUNT = 30;

    // Local variables; 0 is the region
    static final int CPU = 1; // a parameter, as the next three
    static final int TURNS = 2;
    static final int REGISTERS = 3;
    static final int TLB = 4;
    static final int EXIT = 5;
    static final int XMM = 6;
    static final int TARGET = 7;
    static final int FLAG_KIND = 9;
    static final int TLB_MASK = 10; // its length less 1
    private static final int FIRST = 11;

    /** The first that is for temporaries. */
    static final int TEMPORARIES = FIRST + 2 * COUNT;

    private static final String FLAGS_NAME = Type.getInternalName(RegionFlags.class);

    private int used;
    private int set;

    static int local(int slot) {
        return FIRST + 2 * slot;
    }

    /** Whether a slot has a meaning inside of an instruction alone. */
    static boolean isPassing(int slot) {
        return slot >= Cpu.ADDRESS && slot < FLAGS;
    }

    void use(int slot) {
        used |= 1 << Math.min(slot, FLAGS);
    }

    void set(int slot) {
        use(slot);
        set |= 1 << Math.min(slot, FLAGS);
    }

    /** Whether a register, or all of {@link #FLAGS}, are local variables. */
    boolean isUsed(int slot) {
        return (used >> slot & 1) != 0;
    }

    /** Whether it must be put back where the region ends. */
    private boolean isSaved(int slot) {
        return (set >> slot & 1) != 0 && !isPassing(slot);
    }

    /** Puts all back into {@link Cpu}. */
    void save(MethodVisitor method) {
        for (int slot = 0; slot < FLAGS; slot++) {
            if (isSaved(slot)) save(method, slot, local(slot), REGISTERS);
        }
        if (isSaved(FLAGS)) saveFlags(method, local(FLAGS), FLAG_KIND, CPU);
    }

    /** Puts slots back that have a meaning inside of an instruction alone; they are bits. */
    void saveSlots(MethodVisitor method, int slots) {
        for (int slot = Cpu.ADDRESS; slot < FLAGS; slot++) {
            if ((slots >> slot & 1) != 0) save(method, slot, local(slot), REGISTERS);
        }
    }

    private static void save(MethodVisitor method, int slot, int from, int registers) {
        method.visitVarInsn(Opcodes.ALOAD, registers);
        method.visitIntInsn(Opcodes.BIPUSH, slot);
        method.visitVarInsn(Opcodes.LLOAD, from);
        method.visitInsn(Opcodes.LASTORE);
    }

    private static void saveFlags(MethodVisitor method, int from, int kind, int cpu) {
        method.visitVarInsn(Opcodes.ALOAD, cpu);
        method.visitVarInsn(Opcodes.LLOAD, from);
        method.visitFieldInsn(Opcodes.PUTFIELD, CPU_NAME, "flagResult", "J");
        method.visitVarInsn(Opcodes.ALOAD, cpu);
        for (int slot = FLAGS; slot < COUNT; slot++) {
            method.visitVarInsn(Opcodes.LLOAD, from + local(slot) - local(FLAGS));
        }
        method.visitVarInsn(Opcodes.ILOAD, kind);
        method.visitMethodInsn(Opcodes.INVOKESTATIC, FLAGS_NAME, "carries", "(JJJI)J", false);
        method.visitFieldInsn(Opcodes.PUTFIELD, CPU_NAME, "flagCarry", "J");
    }

    /** Loads the flags from {@link Cpu}. */
    static void loadFlags(MethodVisitor method) {
        method.visitVarInsn(Opcodes.ALOAD, CPU);
        method.visitFieldInsn(Opcodes.GETFIELD, CPU_NAME, "flagResult", "J");
        method.visitVarInsn(Opcodes.LSTORE, local(FLAG_RESULT));
        method.visitVarInsn(Opcodes.ALOAD, CPU);
        method.visitFieldInsn(Opcodes.GETFIELD, CPU_NAME, "flagCarry", "J");
        setCarries(method);
    }

    /** Pops what {@link Cpu#flagCarry} would be. */
    static void setCarries(MethodVisitor method) {
        method.visitLdcInsn(-1L);
        method.visitInsn(Opcodes.LXOR);
        method.visitVarInsn(Opcodes.LSTORE, local(FLAG_LEFT));
        method.visitLdcInsn(RegionFlags.RIGHT_OF_CARRIES);
        method.visitVarInsn(Opcodes.LSTORE, local(FLAG_RIGHT));
        setKind(method, RegionFlags.CARRIES);
    }

    static void setKind(MethodVisitor method, int kind) {
        method.visitIntInsn(Opcodes.SIPUSH, kind);
        method.visitVarInsn(Opcodes.ISTORE, FLAG_KIND);
    }

    // The method that puts all back, which is shorter to call than to repeat

    /** Calls it. */
    void callSave(MethodVisitor method, String owner, String name) {
        method.visitVarInsn(Opcodes.ALOAD, CPU);
        method.visitVarInsn(Opcodes.ALOAD, REGISTERS);
        for (int slot = 0; slot < FLAGS; slot++) {
            if (isSaved(slot)) method.visitVarInsn(Opcodes.LLOAD, local(slot));
        }
        if (isSaved(FLAGS)) {
            for (int slot = FLAGS; slot < COUNT; slot++) method.visitVarInsn(Opcodes.LLOAD, local(slot));
            method.visitVarInsn(Opcodes.ILOAD, FLAG_KIND);
        }
        method.visitMethodInsn(Opcodes.INVOKESTATIC, owner, name, saveDescriptor(), false);
    }

    String saveDescriptor() {
        StringBuilder descriptor = new StringBuilder("(L").append(CPU_NAME).append(";[J");
        for (int slot = 0; slot < FLAGS; slot++) {
            if (isSaved(slot)) descriptor.append('J');
        }
        if (isSaved(FLAGS)) descriptor.append("JJJI");
        return descriptor.append(")V").toString();
    }

    /** Writes it. */
    void writeSave(MethodVisitor method) {
        int argument = 2;
        for (int slot = 0; slot < FLAGS; slot++) {
            if (!isSaved(slot)) continue;
            save(method, slot, argument, 1);
            argument += 2;
        }
        if (isSaved(FLAGS)) saveFlags(method, argument, argument + 2 * (COUNT - FLAGS), 0);
        method.visitInsn(Opcodes.RETURN);
    }
}
