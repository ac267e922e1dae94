package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;

/** IN and OUT: Intel SDM vol. 1, chapter 19. */
final class PortIo {
    private PortIo() {}

    /** #GP(0) unless privilege or the task's I/O permission map allow the ports. */
    static void requirePermission(Cpu cpu, int port, int size, Instruction at) {
        if (!cpu.protectedMode() || (!cpu.virtual8086() && cpu.cpl <= cpu.iopl())) return;
        cpu.requirePortPermission(port, size, at);
    }

    /** IN and OUT, with the port in DX or in the instruction. */
    static final class Transfer extends Instruction {
        private static final int IN_DX = -1;

        private final boolean out;
        private final int port;
        private final int size;

        private Transfer(boolean out, int port, int size) {
            this.out = out;
            this.port = port;
            this.size = size;
        }

        static Instruction immediate(boolean out, int port, int size) {
            return new Transfer(out, port, size);
        }

        static Instruction dx(boolean out, int size) {
            return new Transfer(out, IN_DX, size);
        }

        @Override
        public Block execute(Cpu cpu) {
            int at = port == IN_DX ? (int) cpu.r[Cpu.RDX] & 0xFFFF : port;
            requirePermission(cpu, at, size, this);
            cpu.rip = rip(cpu);
            if (out) {
                long mask = (1L << (size * Byte.SIZE)) - 1;
                cpu.io().portOut(at, size, cpu.r[Cpu.RAX] & mask);
            } else {
                Operand.register(Cpu.RAX, size).write(cpu, cpu.io().portIn(at, size), this);
            }
            cpu.debug.portAccessed(at, size, this);
            return cpu.jump(nextRip(cpu));
        }
    }
}
