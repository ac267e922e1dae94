package dev.microvm.engine.exec.system;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.exec.Operand;

/** IN and OUT: Intel SDM vol. 1, chapter 19. */
public final class PortIo {
    private PortIo() {}

    /** #GP(0) unless privilege or the task's I/O permission map allow the ports. */
    public static void requirePermission(Cpu cpu, int port, int size, Instruction at) {
        if (!cpu.protectedMode() || (!cpu.virtual8086() && cpu.cpl <= cpu.iopl())) return;
        cpu.requirePortPermission(port, size, at);
    }

    /** IN and OUT, with the port in DX or in the instruction. */
    public static final class InOut extends Instruction {
        private static final int IN_DX = -1;

        private final boolean out;
        private final int port;
        private final int size;

        private InOut(boolean out, int port, int size) {
            this.out = out;
            this.port = port;
            this.size = size;
        }

        public static Instruction immediate(boolean out, int port, int size) {
            return new InOut(out, port, size);
        }

        public static Instruction dx(boolean out, int size) {
            return new InOut(out, IN_DX, size);
        }

        @Override
        public Block execute(Cpu cpu) {
            int at = port == IN_DX ? (int) cpu.r[Cpu.RDX] & 0xFFFF : port;
            requirePermission(cpu, at, size, this);
            cpu.rip = rip(cpu);
            if (out) {
                long mask = (1L << (size * Byte.SIZE)) - 1;
                cpu.platform().portOut(at, size, cpu.r[Cpu.RAX] & mask);
            } else {
                Operand.register(Cpu.RAX, size).write(cpu, cpu.platform().portIn(at, size), this);
            }
            cpu.debug.portAccessed(at, size, this);
            return cpu.jump(nextRip(cpu));
        }
    }
}
