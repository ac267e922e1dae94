package dev.microvm.engine.compile;

import java.util.concurrent.locks.LockSupport;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Keeps HotSpot from leaving out branches of regions that were not taken yet.
 *
 * <p>C2 compiles no branch that its profile has never seen taken, but a trap; when the trap is hit
 * it discards the code and compiles the method again. Nearly each branch of a region is such one.
 * But where a method, and what is inlined in it, has hit a hundred such traps in all
 * (PerMethodTrapLimit), C2 uses none of that kind in it: {@code Compile::too_many_traps}. So each
 * region calls {@link #mark} with arguments with which it does nothing. It is inlined, costs
 * nothing, and has hit a hundred traps, once and for all in the JVM.
 *
 * <p>Where that does not work, regions run all the same, and are compiled more often.
 */
final class ColdBranches {
    private static final int CALLS = 20_000; // C2 compiles after 15,000: Tier4CompileThreshold
    private static final int DEPTH = 300; // C2 inlines one level; the outer of two frames sees no trap
    private static final int ATTEMPTS = 3;
    private static final long FIRST_WAIT_NANOS = 100_000_000;
    private static final int WAITS_LONGER = 4; // times

    @SuppressWarnings("UnusedVariable") // gives the branches something to do
    private static int taken;

    private ColdBranches() {}

    /**
     * Does nothing for (0, 0). Else it takes a branch, the same for each attempt, in all of its
     * frames on its way back: where C2 left it out, each is a trap.
     */
    static void mark(int depth, int attempt) {
        if (depth > 0) mark(depth - 1, attempt);
        if (attempt == 1) taken++;
        if (attempt == 2) taken++;
        if (attempt == 3) taken++;
    }

    /** Writes the call for a region. */
    static void emitMark(MethodVisitor method) {
        method.visitInsn(Opcodes.ICONST_0);
        method.visitInsn(Opcodes.ICONST_0);
        method.visitMethodInsn(Opcodes.INVOKESTATIC, Type.getInternalName(ColdBranches.class), "mark", "(II)V", false);
    }

    /**
     * Hits the traps. Whether C2 has compiled the method by then cannot be seen: so it waits longer
     * each time, and each attempt has a branch of its own.
     */
    static void hitTraps() {
        long wait = FIRST_WAIT_NANOS;
        for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
            for (int i = 0; i < CALLS; i++) mark(1, 0);
            LockSupport.parkNanos(wait);
            mark(DEPTH, attempt);
            wait *= WAITS_LONGER;
        }
    }

    /** Begins to, on a thread of its own, when it is first called. */
    static void begin() {
        Once.begin();
    }

    private static final class Once {
        static {
            Thread thread = new Thread(ColdBranches::hitTraps, "guest-code-profile");
            thread.setDaemon(true);
            thread.start();
        }

        static void begin() {}
    }
}
