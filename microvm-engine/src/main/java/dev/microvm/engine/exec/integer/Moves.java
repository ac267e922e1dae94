package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Mmu;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.MemoryInstruction;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.RegisterOnly;

/**
 * MOV, MOVZX, MOVSX, LEA, CMOVcc, SETcc, BSWAP of any operands: Intel SDM vol. 1, 7.3.1. {@link
 * RegisterMoves} and {@link MemoryMoves} have the forms that run most.
 */
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
        public void emit(Code code) {
            if (target instanceof Operand.Memory memory) {
                int host = memory.emitHost(code, Mmu.WRITE);
                source.emitRead(code).write(host, memory.size());
            } else {
                source.emitRead(code);
                target.emitWrite(code);
            }
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** MOVSX and CBW of operands that {@link RegisterMoves.SignExtend} has not. */
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
        public void emit(Code code) {
            source.emitRead(code).signExtend(unused);
            target.emitWrite(code);
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
        public void emit(Code code) {
            accumulator.emitRead(code).shiftLeft(unused).shiftRight(Long.SIZE - 1);
            data.emitWrite(code);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /**
     * CMOVcc: reads its source in any case, and clears the upper half of a 32-bit register in any
     * case.
     */
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
        public void emit(Code code) {
            int value = source.emitRead(code).keep();
            target.emitRead(code).kept(value).select(condition);
            target.emitWrite(code);
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
        public void emit(Code code) {
            if (target instanceof Operand.Memory memory) {
                int host = memory.emitHost(code, Mmu.WRITE);
                code.constant(0).constant(1).select(condition).write(host, Byte.BYTES);
            } else {
                code.constant(0).constant(1).select(condition);
                target.emitWrite(code);
            }
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
        public void emit(Code code) {
            address.emit(code).constant(mask).and();
            target.emitWrite(code);
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
        public void emit(Code code) {
            code.constant(mask);
            linear(code).and().set(target);
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
        public void emit(Code code) {
            code.get(target);
            if (size == Short.BYTES) code.constant(~0xFFFFL).and().set(target);
            else
                code.reverseBytes()
                        .shiftRightUnsigned(Long.SIZE - size * Byte.SIZE)
                        .set(target);
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
        public void emit(Code code) {
            if (target instanceof Operand.Memory memory) {
                int host = memory.emitHost(code, Mmu.WRITE);
                source.emitRead(code).reverseBytes().shiftRightUnsigned(unused).write(host, memory.size());
            } else {
                source.emitRead(code).reverseBytes().shiftRightUnsigned(unused);
                target.emitWrite(code);
            }
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }
}
