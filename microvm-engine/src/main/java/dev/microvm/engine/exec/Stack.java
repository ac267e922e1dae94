package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;

/** The stack, and PUSH, POP, ENTER and LEAVE: Intel SDM vol. 1, 6.2. */
final class Stack {
    private Stack() {}

    /** Pushes a value of {@code size} bytes. */
    static void push(Cpu cpu, long value, int size, Instruction at) {
        if (cpu.mode() == CodeMode.BITS_64) {
            long pointer = cpu.r[Cpu.RSP] - size;
            cpu.mmu.store(pointer, value, size, at);
            cpu.r[Cpu.RSP] = pointer;
        } else {
            long pointer = cpu.r[Cpu.RSP] - size & mask(cpu);
            cpu.mmu.store(cpu.segmented(Decoded.SS, pointer, size, true, at), value, size, at);
            pointer(cpu, pointer);
        }
    }

    /** Faults if {@code size} bytes cannot be pushed. */
    static void requireRoom(Cpu cpu, int size, Instruction at) {
        long pointer = cpu.r[Cpu.RSP] - size & mask(cpu);
        cpu.mmu.probeWrite(cpu.segmentedOrFlat(Decoded.SS, pointer, size, true, at), size, at);
    }

    /** The value on top, of {@code size} bytes. */
    static long top(Cpu cpu, int size, Instruction at) {
        return at(cpu, cpu.r[Cpu.RSP], size, at);
    }

    /** The value at a place of the stack. */
    static long at(Cpu cpu, long pointer, int size, Instruction at) {
        if (cpu.mode() == CodeMode.BITS_64) return cpu.mmu.load(pointer, size, at);
        return cpu.mmu.load(cpu.segmented(Decoded.SS, pointer & mask(cpu), size, false, at), size, at);
    }

    /** Takes bytes off. */
    static void drop(Cpu cpu, int bytes) {
        pointer(cpu, cpu.r[Cpu.RSP] + bytes);
    }

    /** Sets SP, ESP or RSP, as wide as the stack is. */
    static void pointer(Cpu cpu, long pointer) {
        long mask = mask(cpu);
        cpu.r[Cpu.RSP] = mask == 0xFFFF ? (cpu.r[Cpu.RSP] & ~mask) | (pointer & mask) : pointer & mask;
    }

    static long mask(Cpu cpu) {
        if (cpu.mode() == CodeMode.BITS_64) return -1;
        return cpu.segments[Decoded.SS].is32() ? 0xFFFF_FFFFL : 0xFFFF;
    }

    static final class Push extends Instruction {
        private final Operand source;
        private final int size;

        Push(Operand source, int size) {
            this.source = source;
            this.size = size;
        }

        @Override
        public Block execute(Cpu cpu) {
            push(cpu, source.read(cpu, this), size, this);
            return next.execute(cpu);
        }
    }

    static final class Pop extends Instruction {
        private final Operand target;
        private final int size;

        Pop(Operand target, int size) {
            this.target = target;
            this.size = size;
        }

        @Override
        public Block execute(Cpu cpu) {
            long value = top(cpu, size, this);
            drop(cpu, size);
            target.write(cpu, value, this);
            return next.execute(cpu);
        }
    }

    /** POP to memory. The translator has moved an address that is relative to the stack pointer. */
    static final class PopMemory extends Instruction {
        private final Operand target;
        private final int size;

        PopMemory(Operand target, int size) {
            this.target = target;
            this.size = size;
        }

        @Override
        public Block execute(Cpu cpu) {
            target.write(cpu, top(cpu, size, this), this);
            drop(cpu, size);
            return next.execute(cpu);
        }
    }

    static final class Push64 extends Instruction {
        private final byte source;

        Push64(int source) {
            this.source = (byte) source;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long pointer = r[Cpu.RSP] - Long.BYTES;
            cpu.mmu.store64(pointer, r[source], this);
            r[Cpu.RSP] = pointer;
            return next.execute(cpu);
        }
    }

    static final class Pop64 extends Instruction {
        private final byte target;

        Pop64(int target) {
            this.target = (byte) target;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long pointer = r[Cpu.RSP];
            long value = cpu.mmu.load64(pointer, this);
            r[Cpu.RSP] = pointer + Long.BYTES;
            r[target] = value;
            return next.execute(cpu);
        }
    }

    /** PUSHA. */
    static final class PushAll extends Instruction {
        private final int size;

        PushAll(int size) {
            this.size = size;
        }

        @Override
        public Block execute(Cpu cpu) {
            long before = cpu.r[Cpu.RSP];
            long pointer = before;
            for (int i = 0; i < 8; i++) {
                pointer = pointer - size & mask(cpu);
                long value = i == Cpu.RSP ? before : cpu.r[i];
                cpu.mmu.store(cpu.segmented(Decoded.SS, pointer, size, true, this), value, size, this);
            }
            pointer(cpu, pointer);
            return next.execute(cpu);
        }
    }

    /** POPA. */
    static final class PopAll extends Instruction {
        private final int size;

        PopAll(int size) {
            this.size = size;
        }

        @Override
        public Block execute(Cpu cpu) {
            long pointer = cpu.r[Cpu.RSP];
            long[] values = new long[8];
            for (int i = 7; i >= 0; i--) {
                values[i] = at(cpu, pointer, size, this);
                pointer += size;
            }
            for (int i = 7; i >= 0; i--) {
                if (i != Cpu.RSP) Operand.register(i, size).write(cpu, values[i], this);
            }
            pointer(cpu, pointer);
            return next.execute(cpu);
        }
    }

    /** LEAVE. */
    static final class Leave extends Instruction {
        private final int size;

        Leave(int size) {
            this.size = size;
        }

        @Override
        public Block execute(Cpu cpu) {
            long frame = cpu.r[Cpu.RBP] & mask(cpu);
            long value = at(cpu, frame, size, this);
            pointer(cpu, frame + size);
            Operand.register(Cpu.RBP, size).write(cpu, value, this);
            return next.execute(cpu);
        }
    }

    /** ENTER; the new top of the stack must be one that can be written. */
    static final class Enter extends Instruction {
        private final int bytes;
        private final int level;
        private final int size;

        Enter(int bytes, int level, int size) {
            this.bytes = bytes;
            this.level = level & 0x1F;
            this.size = size;
        }

        private void requireWritable(Cpu cpu, long top, int size) {
            long linear = cpu.segmentedOrFlat(Decoded.SS, top, size, true, this);
            cpu.mmu.probeWrite(linear, size, this);
        }

        @Override
        public Block execute(Cpu cpu) {
            long before = cpu.r[Cpu.RSP];
            boolean done = false;
            try {
                push(cpu, cpu.r[Cpu.RBP], size, this);
                long frame = cpu.r[Cpu.RSP];
                for (int i = 1; i < level; i++)
                    push(cpu, at(cpu, cpu.r[Cpu.RBP] - (long) i * size, size, this), size, this);
                if (level > 0) push(cpu, frame, size, this);
                long top = cpu.r[Cpu.RSP] - bytes;
                requireWritable(cpu, top & mask(cpu), size);
                cpu.r[Cpu.RSP] = (cpu.r[Cpu.RSP] & ~mask(cpu)) | (top & mask(cpu));
                Operand.register(Cpu.RBP, size).write(cpu, frame, this);
                done = true;
            } finally {
                if (!done) cpu.r[Cpu.RSP] = before;
            }
            return next.execute(cpu);
        }
    }
}
