package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Mmu;

/**
 * Where an instruction reads or writes: a register, memory, or itself. Values are zero-extended.
 */
public abstract class Operand {
    /** Reads it. */
    public abstract long read(Cpu cpu, Instruction at);

    /** Reads it before a {@link #write} of the same instruction, which then cannot fault. */
    long readForWrite(Cpu cpu, Instruction at) {
        return read(cpu, at);
    }

    /** Writes the low bits of {@code value}. */
    public abstract void write(Cpu cpu, long value, Instruction at);

    /** Pushes it; memory only while the operand stack is empty, as {@link Code#host} says. */
    public abstract Code emitRead(Code code);

    /** Pops a value and writes its low bits; for registers alone. */
    public void emitWrite(Code code) {
        throw new IllegalStateException("not a register");
    }

    /** A general register; {@code number} as in {@link Cpu#r}. */
    public static Operand register(int number, int size) {
        return switch (size) {
            case 1 -> new Register8(number, 0);
            case 2 -> new Register16(number);
            case 4 -> new Register32(number);
            default -> new Register64(number);
        };
    }

    /** AH, CH, DH or BH, as 4 to 7. */
    public static Operand highByte(int number) {
        return new Register8(number - 4, Byte.SIZE);
    }

    public static Operand immediate(long value, int size) {
        return new Immediate(size == 8 ? value : value & (1L << (size * Byte.SIZE)) - 1);
    }

    private static final class Register8 extends Operand {
        private final int number;
        private final int shift;

        Register8(int number, int shift) {
            this.number = number;
            this.shift = shift;
        }

        @Override
        public long read(Cpu cpu, Instruction at) {
            return cpu.r[number] >>> shift & 0xFF;
        }

        @Override
        public void write(Cpu cpu, long value, Instruction at) {
            cpu.r[number] = (cpu.r[number] & ~(0xFFL << shift)) | (value & 0xFF) << shift;
        }

        @Override
        public Code emitRead(Code code) {
            return code.get(number).shiftRightUnsigned(shift).constant(0xFF).and();
        }

        @Override
        public void emitWrite(Code code) {
            code.constant(0xFF).and().shiftLeft(shift);
            code.get(number).constant(~(0xFFL << shift)).and().or().set(number);
        }
    }

    private static final class Register16 extends Operand {
        private final int number;

        Register16(int number) {
            this.number = number;
        }

        @Override
        public long read(Cpu cpu, Instruction at) {
            return cpu.r[number] & 0xFFFF;
        }

        @Override
        public void write(Cpu cpu, long value, Instruction at) {
            cpu.r[number] = (cpu.r[number] & ~0xFFFFL) | (value & 0xFFFF);
        }

        @Override
        public Code emitRead(Code code) {
            return code.get(number).constant(0xFFFF).and();
        }

        @Override
        public void emitWrite(Code code) {
            code.constant(0xFFFF).and();
            code.get(number).constant(~0xFFFFL).and().or().set(number);
        }
    }

    private static final class Register32 extends Operand {
        private final int number;

        Register32(int number) {
            this.number = number;
        }

        @Override
        public long read(Cpu cpu, Instruction at) {
            return cpu.r[number] & 0xFFFF_FFFFL;
        }

        @Override
        public void write(Cpu cpu, long value, Instruction at) {
            cpu.r[number] = value & 0xFFFF_FFFFL;
        }

        @Override
        public Code emitRead(Code code) {
            return code.get(number).zeroExtend(Integer.SIZE);
        }

        @Override
        public void emitWrite(Code code) {
            code.zeroExtend(Integer.SIZE).set(number);
        }
    }

    private static final class Register64 extends Operand {
        private final int number;

        Register64(int number) {
            this.number = number;
        }

        @Override
        public long read(Cpu cpu, Instruction at) {
            return cpu.r[number];
        }

        @Override
        public void write(Cpu cpu, long value, Instruction at) {
            cpu.r[number] = value;
        }

        @Override
        public Code emitRead(Code code) {
            return code.get(number);
        }

        @Override
        public void emitWrite(Code code) {
            code.set(number);
        }
    }

    private static final class Immediate extends Operand {
        private final long value;

        Immediate(long value) {
            this.value = value;
        }

        @Override
        public long read(Cpu cpu, Instruction at) {
            return value;
        }

        @Override
        public void write(Cpu cpu, long ignored, Instruction at) {
            throw new IllegalStateException("an immediate is not written");
        }

        @Override
        public Code emitRead(Code code) {
            return code.constant(value);
        }
    }

    /** Memory, at an address made as {@link Address} says. */
    public static final class Memory extends Operand {
        private final Address address;
        private final int size;

        public Memory(Address address, int size) {
            this.address = address;
            this.size = size;
        }

        /** Its bytes. */
        public int size() {
            return size;
        }

        public long linear(Cpu cpu) {
            return address.linear(cpu);
        }

        @Override
        public long read(Cpu cpu, Instruction at) {
            return cpu.mmu.load(address.linear(cpu), size, at);
        }

        @Override
        long readForWrite(Cpu cpu, Instruction at) {
            return cpu.mmu.loadForWrite(address.linear(cpu), size, at);
        }

        @Override
        public void write(Cpu cpu, long value, Instruction at) {
            cpu.mmu.store(address.linear(cpu), value, size, at);
        }

        @Override
        public Code emitRead(Code code) {
            return code.read(emitHost(code, Mmu.READ), size);
        }

        /** Computes where it is; returns a temporary. */
        int emitLinear(Code code) {
            return address.emit(code).keep();
        }

        /** Looks it up; parameters and result as of {@link Code#host}. */
        public int emitHost(Code code, int access) {
            return code.host(emitLinear(code), size, access);
        }
    }
}
