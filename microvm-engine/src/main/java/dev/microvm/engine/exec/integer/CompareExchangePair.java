package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.exec.Atomic;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.memory.PhysicalMemory;

/**
 * CMPXCHG8B and CMPXCHG16B. Java has no atomic exchange of 16 bytes, so with LOCK the other CPUs
 * stop for it.
 */
public final class CompareExchangePair extends Sequential {
    private final Operand.Memory target;
    private final boolean wide;
    private final boolean locked;

    public CompareExchangePair(Operand.Memory target, boolean wide, boolean locked) {
        this.target = target;
        this.wide = wide;
        this.locked = locked;
    }

    @Override
    public void perform(Cpu cpu) {
        long linear = target.linear(cpu);
        if (wide && (linear & 15) != 0) throw cpu.fault(Vectors.GP, 0, this);
        long host = wide ? PhysicalMemory.NONE : cpu.mmu.atomic(linear, 8, this);
        if (host != PhysicalMemory.NONE) {
            exchange8(cpu, host);
        } else if (locked) {
            cpu.platform().beginExclusive();
            try {
                exchange(cpu, linear);
            } finally {
                cpu.platform().endExclusive();
            }
        } else {
            exchange(cpu, linear);
        }
    }

    @Override
    public Block execute(Cpu cpu) {
        perform(cpu);
        return next.execute(cpu);
    }

    private static void exchange8(Cpu cpu, long host) {
        long expected = pair(cpu.r[Cpu.RAX], cpu.r[Cpu.RDX]);
        long desired = pair(cpu.r[Cpu.RBX], cpu.r[Cpu.RCX]);
        long old;
        do {
            old = Atomic.get(host, 8);
        } while (!Atomic.compareAndSet(host, 8, old, old == expected ? desired : old));
        finish8(cpu, old, expected);
    }

    private static long pair(long low, long high) {
        return (low & 0xFFFF_FFFFL) | high << 32;
    }

    private static void finish8(Cpu cpu, long old, long expected) {
        if (old != expected) {
            cpu.r[Cpu.RAX] = old & 0xFFFF_FFFFL;
            cpu.r[Cpu.RDX] = old >>> 32;
        }
        Flags.zero(cpu, old == expected);
    }

    /** In several accesses. */
    private void exchange(Cpu cpu, long linear) {
        if (!wide) {
            long expected = pair(cpu.r[Cpu.RAX], cpu.r[Cpu.RDX]);
            long old = cpu.mmu.load64ForWrite(linear, this);
            long desired = pair(cpu.r[Cpu.RBX], cpu.r[Cpu.RCX]);
            cpu.mmu.store64(linear, old == expected ? desired : old, this);
            finish8(cpu, old, expected);
            return;
        }
        long low = cpu.mmu.load64ForWrite(linear, this);
        long high = cpu.mmu.load64ForWrite(linear + 8, this);
        boolean equal = low == cpu.r[Cpu.RAX] && high == cpu.r[Cpu.RDX];
        if (equal) {
            cpu.mmu.store64(linear, cpu.r[Cpu.RBX], this);
            cpu.mmu.store64(linear + 8, cpu.r[Cpu.RCX], this);
        } else {
            cpu.r[Cpu.RAX] = low;
            cpu.r[Cpu.RDX] = high;
        }
        Flags.zero(cpu, equal);
    }
}
