package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Mmu;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.Stack;

/** PUSH, POP, ENTER and LEAVE: Intel SDM vol. 1, 6.2. */
public final class StackInstructions {
    private StackInstructions() {}

    public static final class Push extends Sequential {
        private final Operand source;
        private final int size;

        public Push(Operand source, int size) {
            this.source = source;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            Stack.push(cpu, source.read(cpu, this), size, this);
        }

        @Override
        public void emit(Code code) {
            if (size != Long.BYTES) {
                code.perform(this);
                return;
            }
            int value = source.emitRead(code).keep();
            int pointer = code.get(Cpu.RSP).constant(Long.BYTES).subtract().keep();
            int host = code.host(pointer, Long.BYTES, Mmu.WRITE);
            code.kept(value).write(host, Long.BYTES);
            code.kept(pointer).set(Cpu.RSP);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    public static final class Pop extends Sequential {
        private final Operand target;
        private final int size;

        public Pop(Operand target, int size) {
            this.target = target;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            long value = Stack.top(cpu, size, this);
            Stack.drop(cpu, size);
            target.write(cpu, value, this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** POP to memory. The translator has moved an address that is relative to the stack pointer. */
    public static final class PopMemory extends Sequential {
        private final Operand target;
        private final int size;

        public PopMemory(Operand target, int size) {
            this.target = target;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            target.write(cpu, Stack.top(cpu, size, this), this);
            Stack.drop(cpu, size);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    public static final class Push64 extends Sequential {
        private final byte source;

        public Push64(int source) {
            this.source = (byte) source;
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            long pointer = r[Cpu.RSP] - Long.BYTES;
            cpu.mmu.store64(pointer, r[source], this);
            r[Cpu.RSP] = pointer;
        }

        @Override
        public void emit(Code code) {
            int pointer = code.get(Cpu.RSP).constant(Long.BYTES).subtract().keep();
            int host = code.host(pointer, Long.BYTES, Mmu.WRITE);
            code.get(source).write(host, Long.BYTES);
            code.kept(pointer).set(Cpu.RSP);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    public static final class Pop64 extends Sequential {
        private final byte target;

        public Pop64(int target) {
            this.target = (byte) target;
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            long pointer = r[Cpu.RSP];
            long value = cpu.mmu.load64(pointer, this);
            r[Cpu.RSP] = pointer + Long.BYTES;
            r[target] = value;
        }

        @Override
        public void emit(Code code) {
            int pointer = code.get(Cpu.RSP).keep();
            int value = code.read(code.host(pointer, Long.BYTES, Mmu.READ), Long.BYTES)
                    .keep();
            code.kept(pointer).constant(Long.BYTES).add().set(Cpu.RSP);
            code.kept(value).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** PUSHA. */
    public static final class PushAll extends Sequential {
        private final int size;

        public PushAll(int size) {
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            long before = cpu.r[Cpu.RSP];
            long pointer = before;
            for (int i = 0; i < 8; i++) {
                pointer = pointer - size & Stack.mask(cpu);
                long value = i == Cpu.RSP ? before : cpu.r[i];
                cpu.mmu.store(cpu.segmentation.linear(Decoded.SS, pointer, size, true, this), value, size, this);
            }
            Stack.pointer(cpu, pointer);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** POPA. */
    public static final class PopAll extends Sequential {
        private final int size;

        public PopAll(int size) {
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            long pointer = cpu.r[Cpu.RSP];
            long[] values = new long[8];
            for (int i = 7; i >= 0; i--) {
                values[i] = Stack.at(cpu, pointer, size, this);
                pointer += size;
            }
            for (int i = 7; i >= 0; i--) {
                if (i != Cpu.RSP) Operand.register(i, size).write(cpu, values[i], this);
            }
            Stack.pointer(cpu, pointer);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** LEAVE. */
    public static final class Leave extends Sequential {
        private final int size;

        public Leave(int size) {
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            long frame = cpu.r[Cpu.RBP] & Stack.mask(cpu);
            long value = Stack.at(cpu, frame, size, this);
            Stack.pointer(cpu, frame + size);
            Operand.register(Cpu.RBP, size).write(cpu, value, this);
        }

        @Override
        public void emit(Code code) {
            if (size != Long.BYTES) {
                code.perform(this);
                return;
            }
            int frame = code.get(Cpu.RBP).keep();
            int value = code.read(code.host(frame, Long.BYTES, Mmu.READ), Long.BYTES)
                    .keep();
            code.kept(frame).constant(Long.BYTES).add().set(Cpu.RSP);
            code.kept(value).set(Cpu.RBP);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** ENTER; the new top of the stack must be one that can be written. */
    public static final class Enter extends Sequential {
        private final int bytes;
        private final int level;
        private final int size;

        public Enter(int bytes, int level, int size) {
            this.bytes = bytes;
            this.level = level & 0x1F;
            this.size = size;
        }

        private void requireWritable(Cpu cpu, long top, int size) {
            long linear = cpu.segmentation.linearOrFlat(Decoded.SS, top, size, true, this);
            cpu.mmu.probeWrite(linear, size, this);
        }

        @Override
        public void perform(Cpu cpu) {
            long before = cpu.r[Cpu.RSP];
            boolean done = false;
            try {
                Stack.push(cpu, cpu.r[Cpu.RBP], size, this);
                long frame = cpu.r[Cpu.RSP];
                for (int i = 1; i < level; i++)
                    Stack.push(cpu, Stack.at(cpu, cpu.r[Cpu.RBP] - (long) i * size, size, this), size, this);
                if (level > 0) Stack.push(cpu, frame, size, this);
                long top = cpu.r[Cpu.RSP] - bytes;
                requireWritable(cpu, top & Stack.mask(cpu), size);
                cpu.r[Cpu.RSP] = (cpu.r[Cpu.RSP] & ~Stack.mask(cpu)) | (top & Stack.mask(cpu));
                Operand.register(Cpu.RBP, size).write(cpu, frame, this);
                done = true;
            } finally {
                if (!done) cpu.r[Cpu.RSP] = before;
            }
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }
}
