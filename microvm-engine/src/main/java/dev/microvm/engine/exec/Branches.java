package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.CodePage;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.memory.PhysicalMemory;
import org.jspecify.annotations.Nullable;

/**
 * Near branches: Jcc, JMP, CALL, RET, LOOP, JCXZ. Where the target is in the same page, its block is known from the
 * start: while that page is mapped here, nothing else can be there.
 */
final class Branches {
    private Branches() {}

    /** Where a branch goes: a block of the same page, or an offset from it. */
    abstract static class Direct extends Instruction {
        private final @Nullable Block taken;
        private final @Nullable Block notTaken;
        private final int target;
        private final int operandSize;

        /**
         * Makes one.
         *
         * @param page that it is in
         * @param following offset of the instruction after it
         * @param target offset of the target, which may be outside the page
         */
        Direct(CodePage page, int following, int target, int operandSize) {
            // an operand of 16 bits in other code cuts the target off
            boolean whole = operandSize == page.mode().addressSize();
            this.taken = whole && inside(target) ? page.entry(target) : null;
            this.notTaken = inside(following) ? page.entry(following) : null;
            this.target = target;
            this.operandSize = operandSize;
        }

        private static boolean inside(int offset) {
            return offset >= 0 && offset < PhysicalMemory.PAGE_SIZE;
        }

        final Block take(Cpu cpu) {
            Block block = taken;
            return block != null ? block : cpu.jump(cpu.r[Cpu.CODE] + target, operandSize, this);
        }

        /** Faults if the branch cannot be taken: for what changes something before it is. */
        final void require(Cpu cpu) {
            if (taken == null) cpu.requireTarget(cpu.target(cpu.r[Cpu.CODE] + target, operandSize), this);
        }

        final Block pass(Cpu cpu) {
            Block block = notTaken;
            return block != null ? block : cpu.jump(nextRip(cpu));
        }
    }

    /** Jcc; {@code condition} as in {@link Flags#condition}. */
    static Instruction conditional(int condition, CodePage page, int following, int target, int operandSize) {
        return switch (condition) {
            case 0 -> new IfOverflow(page, following, target, operandSize);
            case 1 -> new IfNoOverflow(page, following, target, operandSize);
            case 2 -> new IfCarry(page, following, target, operandSize);
            case 3 -> new IfNoCarry(page, following, target, operandSize);
            case 4 -> new IfZero(page, following, target, operandSize);
            case 5 -> new IfNotZero(page, following, target, operandSize);
            case 6 -> new IfBelowOrEqual(page, following, target, operandSize);
            case 7 -> new IfAbove(page, following, target, operandSize);
            case 8 -> new IfSign(page, following, target, operandSize);
            case 9 -> new IfNoSign(page, following, target, operandSize);
            case 10 -> new IfParity(page, following, target, operandSize);
            case 11 -> new IfNoParity(page, following, target, operandSize);
            case 12 -> new IfLess(page, following, target, operandSize);
            case 13 -> new IfGreaterOrEqual(page, following, target, operandSize);
            case 14 -> new IfLessOrEqual(page, following, target, operandSize);
            default -> new IfGreater(page, following, target, operandSize);
        };
    }

    private static final class IfOverflow extends Direct {
        IfOverflow(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return Flags.overflow(cpu) ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfNoOverflow extends Direct {
        IfNoOverflow(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return !Flags.overflow(cpu) ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfCarry extends Direct {
        IfCarry(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return cpu.flagCarry < 0 ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfNoCarry extends Direct {
        IfNoCarry(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return cpu.flagCarry >= 0 ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfZero extends Direct {
        IfZero(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return cpu.flagResult == 0 ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfNotZero extends Direct {
        IfNotZero(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return cpu.flagResult != 0 ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfBelowOrEqual extends Direct {
        IfBelowOrEqual(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return cpu.flagCarry < 0 || cpu.flagResult == 0 ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfAbove extends Direct {
        IfAbove(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return cpu.flagCarry >= 0 && cpu.flagResult != 0 ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfSign extends Direct {
        IfSign(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return Flags.sign(cpu) ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfNoSign extends Direct {
        IfNoSign(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return !Flags.sign(cpu) ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfParity extends Direct {
        IfParity(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return Flags.parity(cpu) ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfNoParity extends Direct {
        IfNoParity(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return !Flags.parity(cpu) ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfLess extends Direct {
        IfLess(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return Flags.less(cpu) ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfGreaterOrEqual extends Direct {
        IfGreaterOrEqual(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return !Flags.less(cpu) ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfLessOrEqual extends Direct {
        IfLessOrEqual(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return cpu.flagResult == 0 || Flags.less(cpu) ? take(cpu) : pass(cpu);
        }
    }

    private static final class IfGreater extends Direct {
        IfGreater(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return cpu.flagResult != 0 && !Flags.less(cpu) ? take(cpu) : pass(cpu);
        }
    }

    /** JMP with a displacement. */
    static final class Jump extends Direct {
        Jump(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return take(cpu);
        }
    }

    /** Stands at the end of a block that ends for its length, or because the next instruction begins one. */
    static final class FallThrough extends Direct {
        FallThrough(CodePage page, int following, int operandSize) {
            super(page, following, following, operandSize);
        }

        @Override
        public Block execute(Cpu cpu) {
            return pass(cpu);
        }
    }

    /** CALL with a displacement, in 64-bit mode. */
    static final class Call64 extends Direct {
        Call64(CodePage page, int following, int target) {
            super(page, following, target, Long.BYTES);
        }

        @Override
        public Block execute(Cpu cpu) {
            require(cpu);
            long pointer = cpu.r[Cpu.RSP] - Long.BYTES;
            cpu.mmu.store64(pointer, nextRip(cpu), this);
            cpu.r[Cpu.RSP] = pointer;
            return take(cpu);
        }
    }

    /** CALL with a displacement. */
    static final class Call extends Direct {
        private final int size;

        Call(CodePage page, int following, int target, int operandSize) {
            super(page, following, target, operandSize);
            this.size = operandSize;
        }

        @Override
        public Block execute(Cpu cpu) {
            require(cpu);
            Stack.push(cpu, nextRip(cpu), size, this);
            return take(cpu);
        }
    }

    /** JMP to where an operand says. */
    static final class JumpTo extends Instruction {
        private final Operand target;
        private final int size;

        JumpTo(Operand target, int size) {
            this.target = target;
            this.size = size;
        }

        @Override
        public Block execute(Cpu cpu) {
            return cpu.jump(target.read(cpu, this), size, this);
        }
    }

    /** CALL to where an operand says. */
    static final class CallTo extends Instruction {
        private final Operand target;
        private final int size;

        CallTo(Operand target, int size) {
            this.target = target;
            this.size = size;
        }

        @Override
        public Block execute(Cpu cpu) {
            long to = cpu.target(target.read(cpu, this), size);
            cpu.requireTarget(to, this);
            Stack.push(cpu, nextRip(cpu), size, this);
            return cpu.jump(to);
        }
    }

    /** RET in 64-bit mode. */
    static final class Return64 extends Instruction {
        private final int extra;

        /** Makes one that takes off {@code extra} bytes beside the address. */
        Return64(int extra) {
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
    }

    /** RET. */
    static final class Return extends Instruction {
        private final int size;
        private final int extra;

        Return(int size, int extra) {
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
    static final class Loop extends Direct {
        private final int opcode;
        private final long mask;

        Loop(int opcode, int addressSize, CodePage page, int following, int target, int operandSize) {
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
