package dev.microvm.engine.exec.system;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.IoPermission;
import dev.microvm.engine.exec.Operand;

/** IN and OUT, with the port in DX or in the instruction: Intel SDM vol. 1, chapter 19. */
public final class PortIo extends Instruction {
    private static final int IN_DX = -1;

    private final boolean out;
    private final int port;
    private final int size;

    private PortIo(boolean out, int port, int size) {
        this.out = out;
        this.port = port;
        this.size = size;
    }

    /** One whose port is in the instruction. */
    public static Instruction immediate(boolean out, int port, int size) {
        return new PortIo(out, port, size);
    }

    /** One whose port is in DX. */
    public static Instruction dx(boolean out, int size) {
        return new PortIo(out, IN_DX, size);
    }

    @Override
    public Block execute(Cpu cpu) {
        int at = port == IN_DX ? (int) cpu.r[Cpu.RDX] & 0xFFFF : port;
        IoPermission.require(cpu, at, size, this);
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
