package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.IoPermission;
import dev.microvm.engine.cpu.Mmu;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.memory.HostMemory;
import dev.microvm.engine.memory.PhysicalMemory;

/**
 * MOVS, CMPS, STOS, LODS, SCAS, INS and OUTS, with their repetitions: Intel SDM vol. 1, 7.3.9. A
 * repetition can be interrupted, and continues at the same instruction. MOVS and STOS upwards take
 * a page at a time.
 */
public final class Strings extends Instruction {
    static final int MOVS = 0xA4;
    static final int CMPS = 0xA6;
    static final int STOS = 0xAA;
    static final int LODS = 0xAC;
    static final int SCAS = 0xAE;
    public static final int INS = 0x6C;
    public static final int OUTS = 0x6E;

    /** How it repeats. */
    public enum Repeat {
        NO,
        WHILE_EQUAL,
        WHILE_NOT_EQUAL
    }

    private final int operation;
    private final int size;
    private final Repeat repeat;
    private final int segment;
    private final long mask;

    /**
     * Makes one.
     *
     * @param operation the even opcode
     * @param segment of the source
     */
    public Strings(int operation, int size, Repeat repeat, int addressSize, int segment) {
        this.operation = operation;
        this.size = size;
        this.repeat = repeat;
        this.segment = segment;
        this.mask = addressSize == 8 ? -1L : (1L << (addressSize * Byte.SIZE)) - 1;
    }

    @Override
    public Block execute(Cpu cpu) {
        if (repeat == Repeat.NO) {
            item(cpu);
        } else if (!repeat(cpu)) {
            return cpu.jump(rip(cpu));
        }
        return next.execute(cpu);
    }

    /** Repeats; returns false if it stopped for an interrupt, and must run again. */
    private boolean repeat(Cpu cpu) {
        boolean compares = operation == CMPS || operation == SCAS;
        boolean bulk = (operation == MOVS || operation == STOS)
                && cpu.mode() == CodeMode.BITS_64
                && mask == -1
                && segment < Decoded.FS
                && (cpu.flags & Flags.DF) == 0;
        if (operation == INS || operation == OUTS) requirePort(cpu); // even for none
        while ((cpu.r[Cpu.RCX] & mask) != 0) {
            long done = bulk && !cpu.loop.attentionWanted() ? bulk(cpu) : 0;
            if (done == 0) {
                item(cpu);
                done = 1;
            }
            count(cpu, cpu.r[Cpu.RCX] - done);
            if (compares && Flags.zero(cpu) != (repeat == Repeat.WHILE_EQUAL)) break;
            if (cpu.loop.attentionWanted() && (cpu.r[Cpu.RCX] & mask) != 0) {
                cpu.flags |= Flags.RF; // a breakpoint here was passed: Intel SDM vol. 3B, 18.3.1.1
                return false;
            }
        }
        return true;
    }

    private void count(Cpu cpu, long value) {
        cpu.r[Cpu.RCX] = advanced(cpu.r[Cpu.RCX], value);
    }

    /** A register after its part that the address size has was changed. */
    private long advanced(long before, long value) {
        return mask == 0xFFFF ? (before & ~mask) | (value & mask) : value & mask;
    }

    /**
     * Copies or fills up to the end of a page; returns how many items, 0 if it must be done one by
     * one.
     */
    private long bulk(Cpu cpu) {
        long to = cpu.r[Cpu.RDI];
        long items = Math.min(cpu.r[Cpu.RCX] & Long.MAX_VALUE, itemsInPage(to));
        if (operation == MOVS) {
            long from = cpu.r[Cpu.RSI];
            items = Math.min(items, itemsInPage(from));
            if (items == 0) return 0;
            long source = cpu.mmu.host(from, Mmu.READ, this);
            long target = cpu.mmu.host(to, Mmu.WRITE, this);
            if (source == PhysicalMemory.NONE || target == PhysicalMemory.NONE) return 0;
            long bytes = items * size;
            if (target > source && target < source + bytes) return 0; // a pattern that repeats
            HostMemory.copy(source, target, bytes);
            cpu.r[Cpu.RSI] = from + bytes;
        } else {
            if (items == 0) return 0;
            long target = cpu.mmu.host(to, Mmu.WRITE, this);
            if (target == PhysicalMemory.NONE) return 0;
            fill(target, items, cpu.r[Cpu.RAX]);
        }
        cpu.r[Cpu.RDI] = to + items * size;
        return items;
    }

    private long itemsInPage(long linear) {
        return (PhysicalMemory.PAGE_SIZE - (linear & PhysicalMemory.PAGE_SIZE - 1)) / size;
    }

    private void fill(long target, long items, long value) {
        int low = (int) value & 0xFF;
        long repeated = low * 0x0101_0101_0101_0101L;
        int unused = Long.SIZE - size * Byte.SIZE;
        if ((value ^ repeated) << unused == 0) {
            HostMemory.fill(target, items * size, (byte) low);
            return;
        }
        for (long at = target; at < target + items * size; at += size) {
            switch (size) {
                case 2 -> HostMemory.put16(at, (int) value);
                case 4 -> HostMemory.put32(at, (int) value);
                default -> HostMemory.put64(at, value);
            }
        }
    }

    private long source(Cpu cpu) {
        return cpu.segmentation.linearOrFlat(segment, cpu.r[Cpu.RSI] & mask, size, false, this);
    }

    private long target(Cpu cpu, boolean write) {
        return cpu.segmentation.linearOrFlat(Decoded.ES, cpu.r[Cpu.RDI] & mask, size, write, this);
    }

    private int requirePort(Cpu cpu) {
        int port = (int) cpu.r[Cpu.RDX] & 0xFFFF;
        IoPermission.require(cpu, port, size, this);
        return port;
    }

    /** Does one item and moves on. */
    private void item(Cpu cpu) {
        long step = (cpu.flags & Flags.DF) != 0 ? -size : size;
        int unused = Long.SIZE - size * Byte.SIZE;
        switch (operation) {
            case MOVS -> {
                long value = cpu.mmu.load(source(cpu), size, this);
                cpu.mmu.store(target(cpu, true), value, size, this);
            }
            case STOS -> cpu.mmu.store(target(cpu, true), cpu.r[Cpu.RAX], size, this);
            case LODS -> Operand.register(Cpu.RAX, size).write(cpu, cpu.mmu.load(source(cpu), size, this), this);
            case CMPS -> {
                long a = cpu.mmu.load(source(cpu), size, this);
                long b = cpu.mmu.load(target(cpu, false), size, this);
                Flags.sub(cpu, a, b, a - b, unused);
            }
            case SCAS -> {
                long a = cpu.r[Cpu.RAX];
                long b = cpu.mmu.load(target(cpu, false), size, this);
                Flags.sub(cpu, a, b, a - b, unused);
            }
            case INS -> {
                int port = requirePort(cpu);
                long to = target(cpu, true);
                cpu.mmu.probeWrite(to, size, this);
                cpu.mmu.store(to, cpu.platform().portIn(port, size), size, this);
                cpu.debug.portAccessed(port, size, this);
            }
            default -> {
                int port = requirePort(cpu);
                long value = cpu.mmu.load(source(cpu), size, this);
                cpu.platform().portOut(port, size, value);
                cpu.debug.portAccessed(port, size, this);
            }
        }
        boolean usesSource = operation == MOVS || operation == CMPS || operation == LODS || operation == OUTS;
        boolean usesTarget = operation != LODS && operation != OUTS;
        if (usesSource) cpu.r[Cpu.RSI] = advanced(cpu.r[Cpu.RSI], cpu.r[Cpu.RSI] + step);
        if (usesTarget) cpu.r[Cpu.RDI] = advanced(cpu.r[Cpu.RDI], cpu.r[Cpu.RDI] + step);
    }
}
