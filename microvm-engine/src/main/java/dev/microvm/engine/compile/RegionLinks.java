package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.CodePage;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Region;
import dev.microvm.engine.cpu.Sequential;
import java.util.ArrayList;
import java.util.List;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * What the code of a region refers to that belongs to one CPU. It is in arrays of the {@link
 * Region}, so that one class serves all CPUs that run the same code.
 */
final class RegionLinks {
    private static final String REGION = Type.getInternalName(Region.class);

    private final List<Instruction> exits = new ArrayList<>();
    private final List<Sequential> calls = new ArrayList<>();
    private final List<CodePage> pages = new ArrayList<>();

    /** Returns the number of an exit that continues with an instruction. */
    int exit(Instruction by) {
        exits.add(by);
        return exits.size() - 1;
    }

    /** Pushes the exit whose number is in a local variable. */
    static void pushExit(MethodVisitor method, int local) {
        array(method, "exits", Instruction[].class);
        method.visitVarInsn(Opcodes.ILOAD, local);
        method.visitInsn(Opcodes.AALOAD);
    }

    /** Pushes an instruction that is called. */
    void pushCall(MethodVisitor method, Sequential called) {
        array(method, "calls", Sequential[].class);
        element(method, indexOf(calls, called));
    }

    /** Pushes a page that blocks are in. */
    void pushPage(MethodVisitor method, CodePage page) {
        array(method, "pages", CodePage[].class);
        element(method, indexOf(pages, page));
    }

    /** Pushes the pages of code that the TLB knows. */
    static void pushEntryPages(MethodVisitor method) {
        array(method, "entryPages", CodePage[].class);
    }

    private static void array(MethodVisitor method, String field, Class<?> type) {
        method.visitVarInsn(Opcodes.ALOAD, 0);
        method.visitFieldInsn(Opcodes.GETFIELD, REGION, field, type.descriptorString());
    }

    private static void element(MethodVisitor method, int index) {
        method.visitIntInsn(Opcodes.SIPUSH, index);
        method.visitInsn(Opcodes.AALOAD);
    }

    @SuppressWarnings("ReferenceEquality") // which it is, not what it is like
    private static <T> int indexOf(List<T> list, T wanted) {
        for (int i = 0; i < list.size(); i++) {
            if (list.get(i) == wanted) return i;
        }
        list.add(wanted);
        return list.size() - 1;
    }

    Region.Links links() {
        return new Region.Links(exits, calls, pages);
    }
}
