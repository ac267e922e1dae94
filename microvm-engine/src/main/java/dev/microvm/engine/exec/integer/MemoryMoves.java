package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Mmu;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.MemoryInstruction;

/** Loads of registers from memory, and stores: Intel SDM vol. 1, 7.3.1. */
public final class MemoryMoves {
    private MemoryMoves() {}

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

    private static void emitLoad(Code code, int linear, int size, int access, int target) {
        code.read(code.host(linear, size, access), size).set(target);
    }

    private static void emitStore(Code code, int linear, int size, int source) {
        int host = code.host(linear, size, Mmu.WRITE);
        code.get(source).write(host, size);
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
        public void emit(Code code) {
            emitLoad(code, linear(code).keep(), 8, Mmu.READ, target);
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
        public void emit(Code code) {
            emitLoad(code, linear(code).keep(), 4, Mmu.READ, target);
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
        public void emit(Code code) {
            emitLoad(code, linear(code).keep(), 2, Mmu.READ, target);
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
        public void emit(Code code) {
            emitLoad(code, linear(code).keep(), 1, Mmu.READ, target);
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
        public void emit(Code code) {
            emitLoad(code, linear(code).keep(), 8, Mmu.WRITE, target);
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
        public void emit(Code code) {
            emitLoad(code, linear(code).keep(), 4, Mmu.WRITE, target);
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
        public void emit(Code code) {
            emitStore(code, linear(code).keep(), 8, source);
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
        public void emit(Code code) {
            emitStore(code, linear(code).keep(), 4, source);
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
        public void emit(Code code) {
            emitStore(code, linear(code).keep(), 2, source);
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
        public void emit(Code code) {
            emitStore(code, linear(code).keep(), 1, source);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }
}
