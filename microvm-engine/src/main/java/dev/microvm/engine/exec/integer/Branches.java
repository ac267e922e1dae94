package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Branch;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.CodePage;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Mmu;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.Stack;
import dev.microvm.engine.memory.PhysicalMemory;
import org.jspecify.annotations.Nullable;

/**
 * Near branches: Jcc, JMP, CALL, RET, LOOP, JCXZ. Where the target is in the same page, its block
 * is known from the start: while that page is mapped here, nothing else can be there.
 */
public final class Branches {
    private static final int PARITY = 10; // as Flags.condition numbers it

    private Branches() {}

    /** Where a branch goes: a block of the same page, or an offset from it. */
    public abstract static class Direct extends Instruction implements Branch {
        private final @Nullable Block taken;
        private final @Nullable Block notTaken;
        private final int target;
        private final byte operandSize;

        /**
         * Makes one.
         *
         * @param page that it is in
         * @param following offset of the instruction after it
         * @param target offset of the target, which may be outside the page
         */
        public Direct(CodePage page, int following, int target, int operandSize) {
            // an operand of 16 bits in other code cuts the target off
            boolean whole = operandSize == page.mode().addressSize();
            this.taken = whole && inside(target) ? page.entry(target) : null;
            this.notTaken = inside(following) ? page.entry(following) : null;
            this.target = target;
            this.operandSize = (byte) operandSize;
        }

        public static boolean inside(int offset) {
            return offset >= 0 && offset < PhysicalMemory.PAGE_SIZE;
        }

        @Override
        public @Nullable Block taken() {
            return taken;
        }

        @Override
        public @Nullable Block passed() {
            return notTaken;
        }

        @Override
        public int takenOffset() {
            return operandSize == Long.BYTES ? target : NOWHERE;
        }

        @Override
        public int passedOffset() {
            return operandSize == Long.BYTES ? end() : NOWHERE;
        }

        @Override
        public final Block take(Cpu cpu) {
            Block block = taken;
            return block != null ? block : cpu.jump(cpu.r[Cpu.CODE] + target, operandSize, this);
        }

        /** Faults if the branch cannot be taken: for what changes something before it is. */
        final void require(Cpu cpu) {
            if (taken == null) cpu.requireTarget(address(cpu), this);
        }

        /** The same for a call, which faults for its stack first. */
        final void requireCall(Cpu cpu) {
            if (taken == null) Branches.requireCall(cpu, address(cpu), operandSize, this);
        }

        private long address(Cpu cpu) {
            return cpu.target(cpu.r[Cpu.CODE] + target, operandSize);
        }

        @Override
        public final Block pass(Cpu cpu) {
            Block block = notTaken;
            return block != null ? block : cpu.jump(nextRip(cpu));
        }
    }

    private static void requireCall(Cpu cpu, long target, int size, Instruction at) {
        if (cpu.isTarget(target)) return;
        Stack.requireRoom(cpu, size, at);
        cpu.requireTarget(target, at);
    }

    /** Jcc; {@code condition} as in {@link Flags#condition}. */
    public static Instruction conditional(int condition, CodePage page, int following, int target, int operandSize) {
        return Flags.hasAnswers(condition)
                ? new IfFlags(condition, page, following, target, operandSize)
                : new IfParity(condition, page, following, target, operandSize);
    }

    /** A branch on a condition of any flags but PF. */
    abstract static class If extends Direct {
        final byte condition;
        private final char answers;

        If(int condition, CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
            this.condition = (byte) condition;
            this.answers = Flags.answers(condition);
        }

        final Block branch(Cpu cpu) {
            return Flags.holds(cpu, answers) ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfFlags extends If {
        IfFlags(int condition, CodePage page, int following, int target, int operandSize) {
            super(condition, page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return branch(cpu);
        }

        @Override
        public void emit(Code code) {
            code.branch(condition, this);
        }
    }

    private static final class IfParity extends Direct {
        private final boolean even;

        IfParity(int condition, CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
            this.even = (condition & 1) == 0;
        }

        @Override
        public Block execute(Cpu cpu) {
            return Flags.parity(cpu) == even ? take(cpu) : pass(cpu);
        }

        @Override
        public void emit(Code code) {
            code.branch(even ? PARITY : PARITY + 1, this);
        }
    }

    /** JMP with a displacement. */
    public static final class Jump extends Direct {
        public Jump(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return take(cpu);
        }

        @Override
        public void emit(Code code) {
            code.take(this);
        }

        @Override
        public @Nullable Block passed() {
            return null;
        }

        @Override
        public int passedOffset() {
            return NOWHERE;
        }
    }

    /**
     * Stands at the end of a block that ends for its length, or because the next instruction begins
     * one.
     */
    public static final class FallThrough extends Direct {
        public FallThrough(CodePage page, int following, int operandSize) {
            super(page, following, following, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return pass(cpu);
        }

        @Override
        public void emit(Code code) {
            code.pass(this);
        }

        @Override
        public @Nullable Block taken() {
            return null;
        }

        @Override
        public int takenOffset() {
            return NOWHERE;
        }
    }

    /** CALL with a displacement, in 64-bit mode. */
    public static final class Call64 extends Direct {
        public Call64(CodePage page, int following, int target) {
            super(page, following, target, Long.BYTES);
        }

        @Override
        public Block execute(Cpu cpu) {
            requireCall(cpu);
            long pointer = cpu.r[Cpu.RSP] - Long.BYTES;
            cpu.mmu.store64(pointer, nextRip(cpu), this);
            cpu.r[Cpu.RSP] = pointer;
            return take(cpu);
        }

        @Override
        public void emit(Code code) {
            if (!code.reaches(this)) {
                code.leave(this);
                return;
            }
            int pointer = code.get(Cpu.RSP).constant(Long.BYTES).subtract().keep();
            int host = code.host(pointer, Long.BYTES, Mmu.WRITE);
            code.get(Cpu.CODE).constant(end()).add().write(host, Long.BYTES);
            code.kept(pointer).set(Cpu.RSP);
            code.take(this);
        }

        @Override
        public @Nullable Block passed() {
            return null;
        }

        @Override
        public int passedOffset() {
            return NOWHERE;
        }

        @Override
        public @Nullable Block returnPoint() {
            return super.passed();
        }

        @Override
        public int returnOffset() {
            return super.passedOffset();
        }
    }

    /** CALL with a displacement. */
    public static final class Call extends Direct {
        private final int size;

        public Call(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
            this.size = operandSize;
        }

        @Override
        public Block execute(Cpu cpu) {
            requireCall(cpu);
            Stack.push(cpu, nextRip(cpu), size, this);
            return take(cpu);
        }
    }

    /** JMP to where an operand says. */
    public static final class JumpTo extends Instruction {
        private final Operand target;
        private final int size;

        public JumpTo(Operand target, int size) {
            this.target = target;
            this.size = size;
        }

        @Override
        public Block execute(Cpu cpu) {
            return cpu.jump(target.read(cpu, this), size, this);
        }
    }

    /** CALL to where an operand says. */
    public static final class CallTo extends Instruction {
        private final Operand target;
        private final int size;

        public CallTo(Operand target, int size) {
            this.target = target;
            this.size = size;
        }

        @Override
        public Block execute(Cpu cpu) {
            long to = cpu.target(target.read(cpu, this), size);
            requireCall(cpu, to, size, this);
            Stack.push(cpu, nextRip(cpu), size, this);
            return cpu.jump(to);
        }
    }

    /** RET in 64-bit mode. */
    public static final class Return64 extends Instruction {
        private final int extra;

        /** Makes one that takes off {@code extra} bytes beside the address. */
        public Return64(int extra) {
            this.extra = extra;
        }

        @Override
        public Block execute(Cpu cpu) {
            long pointer = cpu.r[Cpu.RSP];
            long to = cpu.mmu.load64(pointer, this);
            cpu.requireTarget(to, this);
            cpu.r[Cpu.RSP] = pointer + Long.BYTES + extra;
            return cpu.jump(to);
        }

        @Override
        public void emit(Code code) {
            int pointer = code.get(Cpu.RSP).keep();
            int host = code.host(pointer, Long.BYTES, Mmu.READ);
            int to = code.read(host, Long.BYTES).keep();
            code.leaveUnlessCanonical(to);
            code.kept(pointer).constant(Long.BYTES + extra).add().set(Cpu.RSP);
            code.jump(to);
        }
    }

    /** RET. */
    public static final class Return extends Instruction {
        private final int size;
        private final int extra;

        public Return(int size, int extra) {
            this.size = size;
            this.extra = extra;
        }

        @Override
        public Block execute(Cpu cpu) {
            long to = cpu.target(Stack.top(cpu, size, this), size);
            cpu.requireTarget(to, this);
            Stack.drop(cpu, size + extra);
            return cpu.jump(to);
        }
    }

    /** LOOP, LOOPE, LOOPNE and JCXZ, as 0xe2, 0xe1, 0xe0 and 0xe3. */
    public static final class Loop extends Direct {
        private final int opcode;
        private final long mask;

        public Loop(int opcode, int addressSize, CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
            this.opcode = opcode;
            this.mask = addressSize == 8 ? -1L : (1L << (addressSize * Byte.SIZE)) - 1;
        }

        @Override
        public Block execute(Cpu cpu) {
            long count = cpu.r[Cpu.RCX];
            if (opcode == 0xE3) return (count & mask) == 0 ? take(cpu) : pass(cpu);
            long left = count - 1 & mask;
            boolean goOn = left != 0 && (opcode == 0xE2 || Flags.zero(cpu) == (opcode == 0xE1));
            if (goOn) require(cpu);
            // A 16-bit count leaves the rest of the register alone; a 32-bit one clears it.
            cpu.r[Cpu.RCX] = mask == 0xFFFF ? (count & ~mask) | left : left;
            return goOn ? take(cpu) : pass(cpu);
        }
    }
}
