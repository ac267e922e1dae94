package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;

/** MOV, MOVZX, MOVSX, LEA, CMOVcc, SETcc, BSWAP: Intel SDM vol. 1, 7.3.1. */
final class Moves {
    private Moves() {}

    /** Any operand to any, as it is. */
    static final class General extends Instruction {
        private final Operand target;
        private final Operand source;

        General(Operand target, Operand source) {
            this.target = target;
            this.source = source;
        }

        @Override
        public Block execute(Cpu cpu) {
            target.write(cpu, source.read(cpu, this), this);
            return next.execute(cpu);
        }
    }

    /** MOVSX, MOVSXD, and the CBW family: sign-extended from a smaller size. */
    static final class SignExtend extends Instruction {
        private final Operand target;
        private final Operand source;
        private final int unused;

        SignExtend(Operand target, Operand source, int sourceSize) {
            this.target = target;
            this.source = source;
            this.unused = Long.SIZE - sourceSize * Byte.SIZE;
        }

        @Override
        public Block execute(Cpu cpu) {
            target.write(cpu, source.read(cpu, this) << unused >> unused, this);
            return next.execute(cpu);
        }
    }

    /** CWD, CDQ and CQO: the sign of the accumulator into all of the data register. */
    static final class SpreadSign extends Instruction {
        private final Operand data;
        private final Operand accumulator;
        private final int unused;

        SpreadSign(int size) {
            this.data = Operand.register(Cpu.RDX, size);
            this.accumulator = Operand.register(Cpu.RAX, size);
            this.unused = Long.SIZE - size * Byte.SIZE;
        }

        @Override
        public Block execute(Cpu cpu) {
            data.write(cpu, accumulator.read(cpu, this) << unused >> 63, this);
            return next.execute(cpu);
        }
    }

    /** CMOVcc: reads its source in any case, and clears the upper half of a 32-bit register in any case. */
    static final class Conditional extends Instruction {
        private final int condition;
        private final Operand target;
        private final Operand source;

        Conditional(int condition, Operand target, Operand source) {
            this.condition = condition;
            this.target = target;
            this.source = source;
        }

        @Override
        public Block execute(Cpu cpu) {
            long value = source.read(cpu, this);
            target.write(cpu, Flags.condition(cpu, condition) ? value : target.read(cpu, this), this);
            return next.execute(cpu);
        }
    }

    /** SETcc. */
    static final class SetCondition extends Instruction {
        private final int condition;
        private final Operand target;

        SetCondition(int condition, Operand target) {
            this.condition = condition;
            this.target = target;
        }

        @Override
        public Block execute(Cpu cpu) {
            target.write(cpu, Flags.condition(cpu, condition) ? 1 : 0, this);
            return next.execute(cpu);
        }
    }

    /** LEA. */
    static final class LoadAddress extends Instruction {
        private final Operand target;
        private final Address address;
        private final long mask;

        LoadAddress(Operand target, Address address, long mask) {
            this.target = target;
            this.address = address;
            this.mask = mask;
        }

        @Override
        public Block execute(Cpu cpu) {
            target.write(cpu, address.linear(cpu) & mask, this);
            return next.execute(cpu);
        }
    }

    /** LEA of 64 bits. */
    static final class LoadAddress64 extends Instruction {
        private final int target;
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;

        LoadAddress64(int target, Address address) {
            this.target = target;
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            r[target] = r[base] + (r[index] << scale) + displacement;
            return next.execute(cpu);
        }
    }

    /** BSWAP. */
    static final class SwapBytes extends Instruction {
        private final int target;
        private final int size;

        SwapBytes(int target, int size) {
            this.target = target;
            this.size = size;
        }

        @Override
        public Block execute(Cpu cpu) {
            long value = cpu.r[target];
            cpu.r[target] = switch (size) {
                case 8 -> Long.reverseBytes(value);
                case 4 -> Integer.reverseBytes((int) value) & 0xFFFF_FFFFL;
                default -> value & ~0xFFFFL; // undefined; what processors do
            };
            return next.execute(cpu);
        }
    }

    /** MOVBE. */
    static final class Swapped extends Instruction {
        private final Operand target;
        private final Operand source;
        private final int unused;

        Swapped(Operand target, Operand source, int size) {
            this.target = target;
            this.source = source;
            this.unused = Long.SIZE - size * Byte.SIZE;
        }

        @Override
        public Block execute(Cpu cpu) {
            target.write(cpu, Long.reverseBytes(source.read(cpu, this)) >>> unused, this);
            return next.execute(cpu);
        }
    }

    // Forms that run most

    static final class Register64 extends Instruction {
        private final int target;
        private final int source;

        Register64(int target, int source) {
            this.target = target;
            this.source = source;
        }

        @Override
        public Block execute(Cpu cpu) {
            cpu.r[target] = cpu.r[source];
            return next.execute(cpu);
        }
    }

    static final class Register32 extends Instruction {
        private final int target;
        private final int source;

        Register32(int target, int source) {
            this.target = target;
            this.source = source;
        }

        @Override
        public Block execute(Cpu cpu) {
            cpu.r[target] = cpu.r[source] & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    /** An immediate into a register of 32 bits (zero-extended) or 64. */
    static final class Immediate extends Instruction {
        private final int target;
        private final long value;

        Immediate(int target, long value) {
            this.target = target;
            this.value = value;
        }

        @Override
        public Block execute(Cpu cpu) {
            cpu.r[target] = value;
            return next.execute(cpu);
        }
    }

    static final class Load64 extends Instruction {
        private final int target;
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;

        Load64(int target, Address address) {
            this.target = target;
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            r[target] = cpu.mmu.load64(r[base] + (r[index] << scale) + displacement, this);
            return next.execute(cpu);
        }
    }

    static final class Load32 extends Instruction {
        private final int target;
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;

        Load32(int target, Address address) {
            this.target = target;
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            r[target] = cpu.mmu.load32(r[base] + (r[index] << scale) + displacement, this) & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    static final class Store64 extends Instruction {
        private final int source;
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;

        Store64(Address address, int source) {
            this.source = source;
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            cpu.mmu.store64(r[base] + (r[index] << scale) + displacement, r[source], this);
            return next.execute(cpu);
        }
    }

    static final class Store32 extends Instruction {
        private final int source;
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;

        Store32(Address address, int source) {
            this.source = source;
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            cpu.mmu.store32(r[base] + (r[index] << scale) + displacement, (int) r[source], this);
            return next.execute(cpu);
        }
    }

    /** The low byte of a register to memory. */
    static final class Store8 extends Instruction {
        private final int source;
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;

        Store8(Address address, int source) {
            this.source = source;
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            cpu.mmu.store8(r[base] + (r[index] << scale) + displacement, (int) r[source], this);
            return next.execute(cpu);
        }
    }

    /** MOVZX of a byte in memory to 32 or 64 bits. */
    static final class LoadZero8 extends Instruction {
        private final int target;
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;

        LoadZero8(int target, Address address) {
            this.target = target;
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            r[target] = cpu.mmu.load8(r[base] + (r[index] << scale) + displacement, this);
            return next.execute(cpu);
        }
    }

    /** MOVZX of a word in memory to 32 or 64 bits. */
    static final class LoadZero16 extends Instruction {
        private final int target;
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;

        LoadZero16(int target, Address address) {
            this.target = target;
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            r[target] = cpu.mmu.load16(r[base] + (r[index] << scale) + displacement, this);
            return next.execute(cpu);
        }
    }

    /** MOVZX between registers, to 32 or 64 bits. */
    static final class ZeroExtend extends Instruction {
        private final int target;
        private final int source;
        private final long mask;

        ZeroExtend(int target, int source, long mask) {
            this.target = target;
            this.source = source;
            this.mask = mask;
        }

        @Override
        public Block execute(Cpu cpu) {
            cpu.r[target] = cpu.r[source] & mask;
            return next.execute(cpu);
        }
    }
}
