package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.exec.RegisterOnly;
import org.jspecify.annotations.Nullable;

/** Moves between registers, as most of them are: of 32 and 64 bits, for both sizes. */
public final class RegisterMoves {
    private RegisterMoves() {}

    /** A move between registers, of so many bits. */
    abstract static class Move extends Sequential implements RegisterOnly {
        final byte target;
        final byte source;

        /** Bits of a long that are not moved: they become 0. */
        final byte unused;

        Move(int target, int source, int size) {
            this.target = (byte) target;
            this.source = (byte) source;
            this.unused = (byte) (Long.SIZE - size * Byte.SIZE);
        }

        @Override
        public final FlagUse flagUse() {
            return FlagUse.NONE;
        }

        @Override
        public final @Nullable Instruction joined(RegisterOnly following) {
            Instruction both = following.afterMove(target, source, Long.SIZE - unused);
            if (both != null) return both;
            return following instanceof Move second ? new TwoMoves(this, second) : null;
        }
    }

    /** Two moves, one after the other. */
    private static final class TwoMoves extends Sequential implements RegisterOnly {
        private final byte target;
        private final byte source;
        private final byte unused;
        private final byte secondTarget;
        private final byte secondSource;
        private final byte secondUnused;

        TwoMoves(Move first, Move second) {
            this.target = first.target;
            this.source = first.source;
            this.unused = first.unused;
            this.secondTarget = second.target;
            this.secondSource = second.source;
            this.secondUnused = second.unused;
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            r[target] = r[source] << unused >>> unused;
            r[secondTarget] = r[secondSource] << secondUnused >>> secondUnused;
        }

        @Override
        public void emit(Code code) {
            code.get(source).zeroExtend(unused).set(target);
            code.get(secondSource).zeroExtend(secondUnused).set(secondTarget);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public FlagUse flagUse() {
            return FlagUse.NONE;
        }
    }

    public static final class Register64 extends Move {
        public Register64(int target, int source) {
            super(target, source, Long.BYTES);
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.r[target] = cpu.r[source];
        }

        @Override
        public void emit(Code code) {
            code.get(source).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** MOV of 32 bits, and MOVZX between registers. */
    public static final class ZeroExtend extends Move {
        public ZeroExtend(int target, int source, int sourceSize) {
            super(target, source, sourceSize);
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.r[target] = cpu.r[source] << unused >>> unused;
        }

        @Override
        public void emit(Code code) {
            code.get(source).zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** MOVSX, MOVSXD, CWDE and CDQE, to 32 or 64 bits. */
    public static final class SignExtend extends Sequential implements RegisterOnly {
        private final byte target;
        private final byte source;
        private final byte unused;
        private final byte targetUnused;

        public SignExtend(int target, int size, int source, int sourceSize) {
            this.target = (byte) target;
            this.source = (byte) source;
            this.unused = (byte) (Long.SIZE - sourceSize * Byte.SIZE);
            this.targetUnused = (byte) (Long.SIZE - size * Byte.SIZE);
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.r[target] = cpu.r[source] << unused >> unused << targetUnused >>> targetUnused;
        }

        @Override
        public void emit(Code code) {
            code.get(source).signExtend(unused).zeroExtend(targetUnused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public FlagUse flagUse() {
            return FlagUse.NONE;
        }
    }

    /** An immediate into a register of 32 bits (zero-extended) or 64. */
    public static final class Immediate extends Sequential implements RegisterOnly {
        private final byte target;
        private final long value;

        public Immediate(int target, long value) {
            this.target = (byte) target;
            this.value = value;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.r[target] = value;
        }

        @Override
        public void emit(Code code) {
            code.constant(value).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public FlagUse flagUse() {
            return FlagUse.NONE;
        }
    }

    /** CMOVcc of registers, but on PF. */
    public static final class ConditionalRegister extends Sequential implements RegisterOnly {
        private final byte condition;
        private final char answers;
        private final byte target;
        private final byte left; // what the target is otherwise
        private final byte source;
        private final byte unused;

        public ConditionalRegister(int condition, int target, int source, int size) {
            this(condition, target, target, source, (byte) (Long.SIZE - size * Byte.SIZE));
        }

        private ConditionalRegister(int condition, int target, int left, int source, byte unused) {
            this.condition = (byte) condition;
            this.answers = Flags.answers(condition);
            this.target = (byte) target;
            this.left = (byte) left;
            this.source = (byte) source;
            this.unused = unused;
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            long kept = r[left];
            long value = kept ^ ((kept ^ r[source]) & -(long) Flags.bit(cpu, answers));
            r[target] = value << unused >>> unused;
        }

        @Override
        public void emit(Code code) {
            code.get(left).get(source).select(condition).zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public FlagUse flagUse() {
            return FlagUse.NEEDS;
        }

        @Override
        public @Nullable Instruction afterMove(int to, int from, int bits) {
            boolean both = to == target && left == target && source != to && bits + unused >= Long.SIZE;
            return both ? new ConditionalRegister(condition, target, from, source, unused) : null;
        }
    }

    /** SETcc of a register's low byte, but on PF. */
    public static final class SetRegister extends Sequential implements RegisterOnly {
        private final byte condition;
        private final char answers;
        private final byte target;

        public SetRegister(int condition, int target) {
            this.condition = (byte) condition;
            this.answers = Flags.answers(condition);
            this.target = (byte) target;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.r[target] = (cpu.r[target] & ~0xFFL) | Flags.bit(cpu, answers);
        }

        @Override
        public void emit(Code code) {
            code.get(target).constant(~0xFFL).and();
            code.constant(0).constant(1).select(condition).or().set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public FlagUse flagUse() {
            return FlagUse.NEEDS;
        }
    }
}
