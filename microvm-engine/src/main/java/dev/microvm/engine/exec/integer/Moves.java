package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.MemoryInstruction;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.RegisterOnly;
import org.jspecify.annotations.Nullable;

/** MOV, MOVZX, MOVSX, LEA, CMOVcc, SETcc, BSWAP: Intel SDM vol. 1, 7.3.1. */
public final class Moves {
    private Moves() {}

    /** Any operand to any, as it is. */
    public static final class General extends Sequential {
        private final Operand target;
        private final Operand source;

        public General(Operand target, Operand source) {
            this.target = target;
            this.source = source;
        }

        @Override
        public void perform(Cpu cpu) {
            target.write(cpu, source.read(cpu, this), this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** MOVSX and CBW of operands that {@link SignExtend} has not. */
    public static final class SignExtendGeneral extends Sequential {
        private final Operand target;
        private final Operand source;
        private final int unused;

        public SignExtendGeneral(Operand target, Operand source, int sourceSize) {
            this.target = target;
            this.source = source;
            this.unused = Long.SIZE - sourceSize * Byte.SIZE;
        }

        @Override
        public void perform(Cpu cpu) {
            target.write(cpu, source.read(cpu, this) << unused >> unused, this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** CWD, CDQ and CQO: the sign of the accumulator into all of the data register. */
    public static final class SpreadSign extends Sequential {
        private final Operand data;
        private final Operand accumulator;
        private final int unused;

        public SpreadSign(int size) {
            this.data = Operand.register(Cpu.RDX, size);
            this.accumulator = Operand.register(Cpu.RAX, size);
            this.unused = Long.SIZE - size * Byte.SIZE;
        }

        @Override
        public void perform(Cpu cpu) {
            data.write(cpu, accumulator.read(cpu, this) << unused >> 63, this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** CMOVcc: reads its source in any case, and clears the upper half of a 32-bit register in any case. */
    public static final class Conditional extends Sequential {
        private final int condition;
        private final Operand target;
        private final Operand source;

        public Conditional(int condition, Operand target, Operand source) {
            this.condition = condition;
            this.target = target;
            this.source = source;
        }

        @Override
        public void perform(Cpu cpu) {
            long value = source.read(cpu, this);
            target.write(cpu, Flags.condition(cpu, condition) ? value : target.read(cpu, this), this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** SETcc. */
    public static final class SetCondition extends Sequential {
        private final int condition;
        private final Operand target;

        public SetCondition(int condition, Operand target) {
            this.condition = condition;
            this.target = target;
        }

        @Override
        public void perform(Cpu cpu) {
            target.write(cpu, Flags.condition(cpu, condition) ? 1 : 0, this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** LEA of 16 bits. */
    public static final class LoadAddress16 extends Sequential {
        private final Operand target;
        private final Address address;
        private final long mask;

        public LoadAddress16(Operand target, Address address, long mask) {
            this.target = target;
            this.address = address;
            this.mask = mask;
        }

        @Override
        public void perform(Cpu cpu) {
            target.write(cpu, address.linear(cpu) & mask, this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** LEA of 32 or 64 bits; the mask is that of operand and address. */
    public static final class LoadAddress extends MemoryInstruction implements RegisterOnly {
        private final byte target;
        private final long mask;

        public LoadAddress(int target, Address address, long mask) {
            super(address);
            this.target = (byte) target;
            this.mask = mask;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.r[target] = linear(cpu.r) & mask;
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

    /** BSWAP. */
    public static final class SwapBytes extends Sequential implements RegisterOnly {
        private final int target;
        private final int size;

        public SwapBytes(int target, int size) {
            this.target = target;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            long value = cpu.r[target];
            cpu.r[target] = switch (size) {
                case 8 -> Long.reverseBytes(value);
                case 4 -> Integer.reverseBytes((int) value) & 0xFFFF_FFFFL;
                default -> value & ~0xFFFFL; // undefined; what processors do
            };
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

    /** MOVBE. */
    public static final class Swapped extends Sequential {
        private final Operand target;
        private final Operand source;
        private final int unused;

        public Swapped(Operand target, Operand source, int size) {
            this.target = target;
            this.source = source;
            this.unused = Long.SIZE - size * Byte.SIZE;
        }

        @Override
        public void perform(Cpu cpu) {
            target.write(cpu, Long.reverseBytes(source.read(cpu, this)) >>> unused, this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    // Forms that run most: registers of 32 and 64 bits, and what loads and stores them

    /** Loads into a register, zero-extended from {@code size} bytes. */
    public static Instruction load(int target, Address address, int size) {
        return switch (size) {
            case 1 -> new Load8(target, address);
            case 2 -> new Load16(target, address);
            case 4 -> new Load32(target, address);
            default -> new Load64(target, address);
        };
    }

    /** Loads 4 or 8 bytes that {@link #store} writes after: a fault is that of a write. */
    public static Instruction loadForWrite(int target, Address address, int size) {
        return size == 4 ? new LoadForWrite32(target, address) : new LoadForWrite64(target, address);
    }

    /** Stores the low {@code size} bytes of a register. */
    public static Instruction store(Address address, int source, int size) {
        return switch (size) {
            case 1 -> new Store8(address, source);
            case 2 -> new Store16(address, source);
            case 4 -> new Store32(address, source);
            default -> new Store64(address, source);
        };
    }

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
        private final char answers;
        private final byte target;
        private final byte left; // what the target is otherwise
        private final byte source;
        private final byte unused;

        public ConditionalRegister(int condition, int target, int source, int size) {
            this(Flags.answers(condition), target, target, source, (byte) (Long.SIZE - size * Byte.SIZE));
        }

        private ConditionalRegister(char answers, int target, int left, int source, byte unused) {
            this.answers = answers;
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
            return both ? new ConditionalRegister(answers, target, from, source, unused) : null;
        }
    }

    /** SETcc of a register's low byte, but on PF. */
    public static final class SetRegister extends Sequential implements RegisterOnly {
        private final char answers;
        private final byte target;

        public SetRegister(int condition, int target) {
            this.answers = Flags.answers(condition);
            this.target = (byte) target;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.r[target] = (cpu.r[target] & ~0xFFL) | Flags.bit(cpu, answers);
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

    /** Loads 64 bits. */
    private static final class Load64 extends MemoryInstruction {
        private final byte target;

        Load64(int target, Address address) {
            super(address);
            this.target = (byte) target;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.r[target] = cpu.mmu.load64(linear(cpu.r), this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** Loads 32 bits, zero-extended. */
    private static final class Load32 extends MemoryInstruction {
        private final byte target;

        Load32(int target, Address address) {
            super(address);
            this.target = (byte) target;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.r[target] = cpu.mmu.load32(linear(cpu.r), this) & 0xFFFF_FFFFL;
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** Loads 16 bits, zero-extended: MOVZX. */
    private static final class Load16 extends MemoryInstruction {
        private final byte target;

        Load16(int target, Address address) {
            super(address);
            this.target = (byte) target;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.r[target] = cpu.mmu.load16(linear(cpu.r), this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** Loads a byte, zero-extended: MOVZX. */
    private static final class Load8 extends MemoryInstruction {
        private final byte target;

        Load8(int target, Address address) {
            super(address);
            this.target = (byte) target;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.r[target] = cpu.mmu.load8(linear(cpu.r), this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** Loads 64 bits that will be written. */
    private static final class LoadForWrite64 extends MemoryInstruction {
        private final byte target;

        LoadForWrite64(int target, Address address) {
            super(address);
            this.target = (byte) target;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.r[target] = cpu.mmu.load64ForWrite(linear(cpu.r), this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** Loads 32 bits that will be written. */
    private static final class LoadForWrite32 extends MemoryInstruction {
        private final byte target;

        LoadForWrite32(int target, Address address) {
            super(address);
            this.target = (byte) target;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.r[target] = cpu.mmu.load32ForWrite(linear(cpu.r), this) & 0xFFFF_FFFFL;
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** Stores 64 bits. */
    private static final class Store64 extends MemoryInstruction {
        private final byte source;

        Store64(Address address, int source) {
            super(address);
            this.source = (byte) source;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.mmu.store64(linear(cpu.r), cpu.r[source], this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** Stores 32 bits. */
    private static final class Store32 extends MemoryInstruction {
        private final byte source;

        Store32(Address address, int source) {
            super(address);
            this.source = (byte) source;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.mmu.store32(linear(cpu.r), (int) cpu.r[source], this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** Stores 16 bits. */
    private static final class Store16 extends MemoryInstruction {
        private final byte source;

        Store16(Address address, int source) {
            super(address);
            this.source = (byte) source;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.mmu.store16(linear(cpu.r), (int) cpu.r[source], this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** Stores the low byte. */
    private static final class Store8 extends MemoryInstruction {
        private final byte source;

        Store8(Address address, int source) {
            super(address);
            this.source = (byte) source;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.mmu.store8(linear(cpu.r), (int) cpu.r[source], this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }
}
