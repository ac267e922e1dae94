package dev.microvm.engine.compile;

import dev.microvm.engine.compile.Compilation.Member;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Region;
import java.lang.invoke.MethodHandles;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * The hidden class of a region, which belongs to no CPU: what does is in the {@link Region} ({@link
 * RegionLinks}). Constants are in static final fields.
 */
final class RegionClass {
    static final String NAME = "dev/microvm/engine/compile/CompiledRegion";
    private static final String SUPER = Type.getInternalName(Region.class);

    /** HotSpot compiles no method of 8,000 bytes or more; a few are for what is added. */
    private static final int MOST_BYTES = 7_900;

    /** Memory that a class takes beside that for its bytes, by estimate; and how often that for them. */
    private static final int CLASS_SIZE = 6 << 10;

    private static final int SIZE_PER_BYTE = 3;

    private static final MethodHandles.Lookup LOOKUP = MethodHandles.lookup();

    private final List<Member> members;

    /** Whether the instructions of its CPU are counted: {@link Cpu#counter}. */
    final boolean counts;

    private final ClassWriter writer = new Writer();
    private final IdentityHashMap<Object, Integer> indexes = new IdentityHashMap<>(); // of constants
    private final List<Object> constants = new ArrayList<>();
    private final List<String> descriptors = new ArrayList<>();
    private final Label end = new Label();

    /** What belongs to the CPU that it is made for. */
    final RegionLinks links = new RegionLinks();

    RegionClass(List<Member> members, boolean counts) {
        this.members = members;
        this.counts = counts;
    }

    /** Memory that a class of so many bytes takes. */
    static int sizeOf(byte[] bytes) {
        return CLASS_SIZE + SIZE_PER_BYTE * bytes.length;
    }

    /** Makes the class file. */
    byte[] write() {
        writer.visit(Opcodes.V22, Opcodes.ACC_FINAL | Opcodes.ACC_SUPER, NAME, null, SUPER, null);
        writeConstructor();
        RegionRegisters used = new RegionRegisters();
        new RegionCode(new MethodVisitor(Opcodes.ASM9) {}, new RegionClass(members, counts), members, used)
                .writeBlocks();
        MethodVisitor method = writer.visitMethod(Opcodes.ACC_PROTECTED, "run", RegionCode.RUN, null, null);
        method.visitCode();
        new RegionCode(method, this, members, used).write();
        method.visitLabel(end);
        method.visitMaxs(0, 0);
        method.visitEnd();
        writeSave(used);
        writeInitializer();
        writer.visitEnd();
        return writer.toByteArray();
    }

    /** Whether HotSpot compiles it; after {@link #write}. */
    boolean fits() {
        return end.getOffset() < MOST_BYTES;
    }

    Region define(byte[] bytes) {
        try {
            Object[] data = constants.toArray(new Object[constants.size() + 1]);
            LOOKUP.defineHiddenClassWithClassData(bytes, data, true);
            return (Region) data[constants.size()];
        } catch (IllegalAccessException e) {
            throw new LinkageError("a region of guest code", e);
        }
    }

    /** Pushes an object that all CPUs share, and that HotSpot takes for a constant. */
    void push(MethodVisitor method, Object constant, Class<?> type) {
        String descriptor = type.descriptorString();
        Integer index = indexes.get(constant);
        if (index == null) {
            index = constants.size();
            indexes.put(constant, index);
            constants.add(constant);
            descriptors.add(descriptor);
        }
        String declared = descriptors.get(index);
        method.visitFieldInsn(Opcodes.GETSTATIC, NAME, "k" + index, declared);
        if (!declared.equals(descriptor)) method.visitTypeInsn(Opcodes.CHECKCAST, Type.getInternalName(type));
    }

    /** Constants that it was made with, all of which belong to no CPU; after {@link #write}. */
    List<Object> constants() {
        return List.copyOf(constants);
    }

    private void writeConstructor() {
        MethodVisitor method = writer.visitMethod(0, "<init>", "()V", null, null);
        method.visitCode();
        method.visitVarInsn(Opcodes.ALOAD, 0);
        method.visitMethodInsn(Opcodes.INVOKESPECIAL, SUPER, "<init>", "()V", false);
        method.visitInsn(Opcodes.RETURN);
        method.visitMaxs(0, 0);
        method.visitEnd();
    }

    /** The method that puts registers and flags back where they belong. */
    private void writeSave(RegionRegisters used) {
        MethodVisitor method = writer.visitMethod(
                Opcodes.ACC_PRIVATE | Opcodes.ACC_STATIC, RegionCode.SAVE, used.saveDescriptor(), null, null);
        method.visitCode();
        used.writeSave(method);
        method.visitMaxs(0, 0);
        method.visitEnd();
    }

    private void writeInitializer() {
        for (int i = 0; i < constants.size(); i++) {
            writer.visitField(
                            Opcodes.ACC_PRIVATE | Opcodes.ACC_STATIC | Opcodes.ACC_FINAL,
                            "k" + i,
                            descriptors.get(i),
                            null,
                            null)
                    .visitEnd();
        }
        MethodVisitor method = writer.visitMethod(Opcodes.ACC_STATIC, "<clinit>", "()V", null, null);
        method.visitCode();
        method.visitMethodInsn(
                Opcodes.INVOKESTATIC,
                "java/lang/invoke/MethodHandles",
                "lookup",
                "()Ljava/lang/invoke/MethodHandles$Lookup;",
                false);
        method.visitMethodInsn(
                Opcodes.INVOKESTATIC,
                Type.getInternalName(RegionCalls.class),
                "classData",
                "(Ljava/lang/invoke/MethodHandles$Lookup;)[Ljava/lang/Object;",
                false);
        method.visitVarInsn(Opcodes.ASTORE, 0);
        for (int i = 0; i < constants.size(); i++) {
            method.visitVarInsn(Opcodes.ALOAD, 0);
            method.visitIntInsn(Opcodes.SIPUSH, i);
            method.visitInsn(Opcodes.AALOAD);
            method.visitTypeInsn(
                    Opcodes.CHECKCAST, Type.getType(descriptors.get(i)).getInternalName());
            method.visitFieldInsn(Opcodes.PUTSTATIC, NAME, "k" + i, descriptors.get(i));
        }
        method.visitVarInsn(Opcodes.ALOAD, 0); // the instance goes out by the array: reflection would cost more
        method.visitIntInsn(Opcodes.SIPUSH, constants.size());
        method.visitTypeInsn(Opcodes.NEW, NAME);
        method.visitInsn(Opcodes.DUP);
        method.visitMethodInsn(Opcodes.INVOKESPECIAL, NAME, "<init>", "()V", false);
        method.visitInsn(Opcodes.AASTORE);
        method.visitInsn(Opcodes.RETURN);
        method.visitMaxs(0, 0);
        method.visitEnd();
    }

    /** Computes frames without loading classes: where two types meet, none is needed. */
    private static final class Writer extends ClassWriter {
        Writer() {
            super(COMPUTE_FRAMES);
        }

        @Override
        protected String getCommonSuperClass(String first, String second) {
            return "java/lang/Object";
        }
    }
}
