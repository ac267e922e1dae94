package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;

/**
 * ADD, OR, AND, SUB, XOR, CMP and TEST of 32 bits: a class for each operation and form, as these run most. What they do
 * is in {@link Arithmetic}, too; the tests hold the two together.
 */
final class Arithmetic32 {
    private Arithmetic32() {}

    /** A register and a register. The operation is as in group 1, without ADC and SBB. */
    static Instruction registerRegister(int operation, int target, int source) {
        return switch (operation) {
            case Arithmetic.ADD -> new AddRegisterRegister(target, source);
            case Arithmetic.OR -> new OrRegisterRegister(target, source);
            case Arithmetic.AND -> new AndRegisterRegister(target, source);
            case Arithmetic.SUB -> new SubRegisterRegister(target, source);
            case Arithmetic.XOR -> new XorRegisterRegister(target, source);
            default -> new CompareRegisterRegister(target, source);
        };
    }

    /** A register and an immediate. The operation is as in group 1, without ADC and SBB. */
    static Instruction registerImmediate(int operation, int target, int immediate) {
        return switch (operation) {
            case Arithmetic.ADD -> new AddRegisterImmediate(target, immediate);
            case Arithmetic.OR -> new OrRegisterImmediate(target, immediate);
            case Arithmetic.AND -> new AndRegisterImmediate(target, immediate);
            case Arithmetic.SUB -> new SubRegisterImmediate(target, immediate);
            case Arithmetic.XOR -> new XorRegisterImmediate(target, immediate);
            default -> new CompareRegisterImmediate(target, immediate);
        };
    }

    /** A register and memory. The operation is as in group 1, without ADC and SBB. */
    static Instruction registerMemory(int operation, int target, Address address) {
        return switch (operation) {
            case Arithmetic.ADD -> new AddRegisterMemory(target, address);
            case Arithmetic.OR -> new OrRegisterMemory(target, address);
            case Arithmetic.AND -> new AndRegisterMemory(target, address);
            case Arithmetic.SUB -> new SubRegisterMemory(target, address);
            case Arithmetic.XOR -> new XorRegisterMemory(target, address);
            default -> new CompareRegisterMemory(target, address);
        };
    }

    /** Memory and a register. The operation is as in group 1, without ADC and SBB. */
    static Instruction memoryRegister(int operation, Address address, int source) {
        return switch (operation) {
            case Arithmetic.ADD -> new AddMemoryRegister(address, source);
            case Arithmetic.OR -> new OrMemoryRegister(address, source);
            case Arithmetic.AND -> new AndMemoryRegister(address, source);
            case Arithmetic.SUB -> new SubMemoryRegister(address, source);
            case Arithmetic.XOR -> new XorMemoryRegister(address, source);
            default -> new CompareMemoryRegister(address, source);
        };
    }

    /** Memory and an immediate. The operation is as in group 1, without ADC and SBB. */
    static Instruction memoryImmediate(int operation, Address address, int immediate) {
        return switch (operation) {
            case Arithmetic.ADD -> new AddMemoryImmediate(address, immediate);
            case Arithmetic.OR -> new OrMemoryImmediate(address, immediate);
            case Arithmetic.AND -> new AndMemoryImmediate(address, immediate);
            case Arithmetic.SUB -> new SubMemoryImmediate(address, immediate);
            case Arithmetic.XOR -> new XorMemoryImmediate(address, immediate);
            default -> new CompareMemoryImmediate(address, immediate);
        };
    }

    /** TEST of two registers. */
    static Instruction testRegisterRegister(int left, int right) {
        return left == right ? new TestSelf(left) : new TestRegisterRegister(left, right);
    }

    /** TEST of a register and an immediate. */
    static Instruction testRegisterImmediate(int left, int immediate) {
        return new TestRegisterImmediate(left, immediate);
    }

    private static final class AddRegisterRegister extends Instruction {
        private final int target;
        private final int source;

        AddRegisterRegister(int target, int source) {
            this.target = target;
            this.source = source;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            int a = (int) r[target];
            int b = (int) r[source];
            int result = a + b;
            Flags.add32(cpu, a, b, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class AddRegisterImmediate extends Instruction {
        private final int target;
        private final int b;

        AddRegisterImmediate(int target, int b) {
            this.target = target;
            this.b = b;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            int a = (int) r[target];
            int result = a + b;
            Flags.add32(cpu, a, b, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class AddRegisterMemory extends Instruction {
        private final int target;
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;

        AddRegisterMemory(int target, Address address) {
            this.target = target;
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int b = cpu.mmu.load32(linear, this);
            int a = (int) r[target];
            int result = a + b;
            Flags.add32(cpu, a, b, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class AddMemoryRegister extends Instruction {
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;
        private final int source;

        AddMemoryRegister(Address address, int source) {
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
            this.source = source;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int a = cpu.mmu.load32ForWrite(linear, this);
            int b = (int) r[source];
            int result = a + b;
            Flags.add32(cpu, a, b, result);
            cpu.mmu.store32(linear, result, this);
            return next.execute(cpu);
        }
    }

    private static final class AddMemoryImmediate extends Instruction {
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;
        private final int b;

        AddMemoryImmediate(Address address, int b) {
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
            this.b = b;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int a = cpu.mmu.load32ForWrite(linear, this);
            int result = a + b;
            Flags.add32(cpu, a, b, result);
            cpu.mmu.store32(linear, result, this);
            return next.execute(cpu);
        }
    }

    private static final class OrRegisterRegister extends Instruction {
        private final int target;
        private final int source;

        OrRegisterRegister(int target, int source) {
            this.target = target;
            this.source = source;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            int a = (int) r[target];
            int b = (int) r[source];
            int result = a | b;
            Flags.logic(cpu, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class OrRegisterImmediate extends Instruction {
        private final int target;
        private final int b;

        OrRegisterImmediate(int target, int b) {
            this.target = target;
            this.b = b;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            int a = (int) r[target];
            int result = a | b;
            Flags.logic(cpu, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class OrRegisterMemory extends Instruction {
        private final int target;
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;

        OrRegisterMemory(int target, Address address) {
            this.target = target;
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int b = cpu.mmu.load32(linear, this);
            int a = (int) r[target];
            int result = a | b;
            Flags.logic(cpu, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class OrMemoryRegister extends Instruction {
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;
        private final int source;

        OrMemoryRegister(Address address, int source) {
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
            this.source = source;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int a = cpu.mmu.load32ForWrite(linear, this);
            int b = (int) r[source];
            int result = a | b;
            Flags.logic(cpu, result);
            cpu.mmu.store32(linear, result, this);
            return next.execute(cpu);
        }
    }

    private static final class OrMemoryImmediate extends Instruction {
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;
        private final int b;

        OrMemoryImmediate(Address address, int b) {
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
            this.b = b;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int a = cpu.mmu.load32ForWrite(linear, this);
            int result = a | b;
            Flags.logic(cpu, result);
            cpu.mmu.store32(linear, result, this);
            return next.execute(cpu);
        }
    }

    private static final class AndRegisterRegister extends Instruction {
        private final int target;
        private final int source;

        AndRegisterRegister(int target, int source) {
            this.target = target;
            this.source = source;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            int a = (int) r[target];
            int b = (int) r[source];
            int result = a & b;
            Flags.logic(cpu, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class AndRegisterImmediate extends Instruction {
        private final int target;
        private final int b;

        AndRegisterImmediate(int target, int b) {
            this.target = target;
            this.b = b;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            int a = (int) r[target];
            int result = a & b;
            Flags.logic(cpu, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class AndRegisterMemory extends Instruction {
        private final int target;
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;

        AndRegisterMemory(int target, Address address) {
            this.target = target;
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int b = cpu.mmu.load32(linear, this);
            int a = (int) r[target];
            int result = a & b;
            Flags.logic(cpu, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class AndMemoryRegister extends Instruction {
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;
        private final int source;

        AndMemoryRegister(Address address, int source) {
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
            this.source = source;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int a = cpu.mmu.load32ForWrite(linear, this);
            int b = (int) r[source];
            int result = a & b;
            Flags.logic(cpu, result);
            cpu.mmu.store32(linear, result, this);
            return next.execute(cpu);
        }
    }

    private static final class AndMemoryImmediate extends Instruction {
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;
        private final int b;

        AndMemoryImmediate(Address address, int b) {
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
            this.b = b;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int a = cpu.mmu.load32ForWrite(linear, this);
            int result = a & b;
            Flags.logic(cpu, result);
            cpu.mmu.store32(linear, result, this);
            return next.execute(cpu);
        }
    }

    private static final class SubRegisterRegister extends Instruction {
        private final int target;
        private final int source;

        SubRegisterRegister(int target, int source) {
            this.target = target;
            this.source = source;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            int a = (int) r[target];
            int b = (int) r[source];
            int result = a - b;
            Flags.sub32(cpu, a, b, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class SubRegisterImmediate extends Instruction {
        private final int target;
        private final int b;

        SubRegisterImmediate(int target, int b) {
            this.target = target;
            this.b = b;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            int a = (int) r[target];
            int result = a - b;
            Flags.sub32(cpu, a, b, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class SubRegisterMemory extends Instruction {
        private final int target;
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;

        SubRegisterMemory(int target, Address address) {
            this.target = target;
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int b = cpu.mmu.load32(linear, this);
            int a = (int) r[target];
            int result = a - b;
            Flags.sub32(cpu, a, b, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class SubMemoryRegister extends Instruction {
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;
        private final int source;

        SubMemoryRegister(Address address, int source) {
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
            this.source = source;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int a = cpu.mmu.load32ForWrite(linear, this);
            int b = (int) r[source];
            int result = a - b;
            Flags.sub32(cpu, a, b, result);
            cpu.mmu.store32(linear, result, this);
            return next.execute(cpu);
        }
    }

    private static final class SubMemoryImmediate extends Instruction {
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;
        private final int b;

        SubMemoryImmediate(Address address, int b) {
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
            this.b = b;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int a = cpu.mmu.load32ForWrite(linear, this);
            int result = a - b;
            Flags.sub32(cpu, a, b, result);
            cpu.mmu.store32(linear, result, this);
            return next.execute(cpu);
        }
    }

    private static final class XorRegisterRegister extends Instruction {
        private final int target;
        private final int source;

        XorRegisterRegister(int target, int source) {
            this.target = target;
            this.source = source;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            int a = (int) r[target];
            int b = (int) r[source];
            int result = a ^ b;
            Flags.logic(cpu, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class XorRegisterImmediate extends Instruction {
        private final int target;
        private final int b;

        XorRegisterImmediate(int target, int b) {
            this.target = target;
            this.b = b;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            int a = (int) r[target];
            int result = a ^ b;
            Flags.logic(cpu, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class XorRegisterMemory extends Instruction {
        private final int target;
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;

        XorRegisterMemory(int target, Address address) {
            this.target = target;
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int b = cpu.mmu.load32(linear, this);
            int a = (int) r[target];
            int result = a ^ b;
            Flags.logic(cpu, result);
            r[target] = result & 0xFFFF_FFFFL;
            return next.execute(cpu);
        }
    }

    private static final class XorMemoryRegister extends Instruction {
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;
        private final int source;

        XorMemoryRegister(Address address, int source) {
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
            this.source = source;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int a = cpu.mmu.load32ForWrite(linear, this);
            int b = (int) r[source];
            int result = a ^ b;
            Flags.logic(cpu, result);
            cpu.mmu.store32(linear, result, this);
            return next.execute(cpu);
        }
    }

    private static final class XorMemoryImmediate extends Instruction {
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;
        private final int b;

        XorMemoryImmediate(Address address, int b) {
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
            this.b = b;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int a = cpu.mmu.load32ForWrite(linear, this);
            int result = a ^ b;
            Flags.logic(cpu, result);
            cpu.mmu.store32(linear, result, this);
            return next.execute(cpu);
        }
    }

    private static final class CompareRegisterRegister extends Instruction {
        private final int left;
        private final int right;

        CompareRegisterRegister(int left, int right) {
            this.left = left;
            this.right = right;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            int a = (int) r[left];
            int b = (int) r[right];
            Flags.sub32(cpu, a, b, a - b);
            return next.execute(cpu);
        }
    }

    private static final class CompareRegisterImmediate extends Instruction {
        private final int left;
        private final int b;

        CompareRegisterImmediate(int left, int b) {
            this.left = left;
            this.b = b;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            int a = (int) r[left];
            Flags.sub32(cpu, a, b, a - b);
            return next.execute(cpu);
        }
    }

    private static final class CompareRegisterMemory extends Instruction {
        private final int left;
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;

        CompareRegisterMemory(int left, Address address) {
            this.left = left;
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int b = cpu.mmu.load32(linear, this);
            int a = (int) r[left];
            Flags.sub32(cpu, a, b, a - b);
            return next.execute(cpu);
        }
    }

    private static final class CompareMemoryRegister extends Instruction {
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;
        private final int right;

        CompareMemoryRegister(Address address, int right) {
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
            this.right = right;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int a = cpu.mmu.load32(linear, this);
            int b = (int) r[right];
            Flags.sub32(cpu, a, b, a - b);
            return next.execute(cpu);
        }
    }

    private static final class CompareMemoryImmediate extends Instruction {
        private final int base;
        private final int index;
        private final int scale;
        private final long displacement;
        private final int b;

        CompareMemoryImmediate(Address address, int b) {
            this.base = address.base();
            this.index = address.index();
            this.scale = address.scale();
            this.displacement = address.displacement();
            this.b = b;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long linear = r[base] + (r[index] << scale) + displacement;
            int a = cpu.mmu.load32(linear, this);
            Flags.sub32(cpu, a, b, a - b);
            return next.execute(cpu);
        }
    }

    private static final class TestRegisterRegister extends Instruction {
        private final int left;
        private final int right;

        TestRegisterRegister(int left, int right) {
            this.left = left;
            this.right = right;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            Flags.logic(cpu, (int) r[left] & (int) r[right]);
            return next.execute(cpu);
        }
    }

    private static final class TestSelf extends Instruction {
        private final int tested;

        TestSelf(int tested) {
            this.tested = tested;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            int value = (int) r[tested];
            Flags.logic(cpu, value);
            return next.execute(cpu);
        }
    }

    private static final class TestRegisterImmediate extends Instruction {
        private final int left;
        private final int b;

        TestRegisterImmediate(int left, int b) {
            this.left = left;
            this.b = b;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            Flags.logic(cpu, (int) r[left] & b);
            return next.execute(cpu);
        }
    }
}
