package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Mmu;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.memory.PhysicalMemory;

/** Reads an operand, computes a new value, and writes it back; atomically with a LOCK prefix. */
public abstract class ReadModifyWrite extends Sequential {
    public final Operand target;
    public final int size;

    /** Bits of a long that the operand does not have. */
    public final int unused;

    private boolean locked;

    protected ReadModifyWrite(Operand target, int size) {
        this.target = target;
        this.size = size;
        this.unused = Long.SIZE - size * Byte.SIZE;
    }

    /** Makes it atomic. */
    public final ReadModifyWrite locked(boolean lock) {
        locked = lock;
        return this;
    }

    /**
     * The new value; sets flags. May be called again with the flags as before, if another CPU was
     * faster. What may fault is first.
     */
    protected abstract long compute(Cpu cpu, long old);

    /** Whether the value is written: a register of 32 bits keeps its upper half where it is not. */
    protected boolean writes(Cpu cpu) {
        return true;
    }

    /** What there is to do after the write: other registers. */
    protected void finish(Cpu cpu, long old) {}

    /** Whether {@link #emit(Code, int)} is there, for these operands. */
    protected boolean emits() {
        return false;
    }

    /**
     * Writes {@link #compute} as bytecode: pushes the new value, and changes flags alone.
     *
     * @param old a temporary with the old one
     */
    protected Code emit(Code code, int old) {
        throw new IllegalStateException("not emitted");
    }

    /** Writes {@link #finish} as bytecode. It runs before a register is written, after memory is. */
    protected void emitFinish(Code code, int old) {}

    @Override
    public final void emit(Code code) {
        if (!emits()) {
            code.perform(this);
        } else if (locked) {
            emitLocked(code, (Operand.Memory) target);
        } else if (target instanceof Operand.Memory memory) {
            int host = memory.emitHost(code, Mmu.WRITE);
            int old = code.read(host, size).keep();
            emit(code, old).write(host, size);
            emitFinish(code, old);
        } else {
            int old = target.emitRead(code).keep();
            emit(code, old);
            emitFinish(code, old);
            target.emitWrite(code);
        }
    }

    /** Tries once: if another CPU was faster, the flags are as before, and it is done the slow way. */
    private void emitLocked(Code code, Operand.Memory memory) {
        int linear = memory.emitLinear(code);
        if (size > 1) code.requireAligned(linear, size);
        int host = code.host(linear, size, Mmu.WRITE);
        int result = code.flagResult().keep();
        int carries = code.flagCarry().keep();
        int old = code.read(host, size).keep();
        int value = emit(code, old).keep();
        int stored = code.compareAndSet(host, size, old, value).keep();
        code.flagResult().kept(result).selectIfZero(stored);
        code.flagCarry().kept(carries).selectIfZero(stored).setFlags();
        code.requireEqual(stored, code.constant(1).keep());
        emitFinish(code, old);
    }

    /** Sign-extends a value of the operand's size. */
    protected final long signed(long value) {
        return value << unused >> unused;
    }

    @Override
    public final void perform(Cpu cpu) {
        if (locked) {
            update(cpu, (Operand.Memory) target);
        } else {
            long old = target.readForWrite(cpu, this);
            long value = compute(cpu, old);
            if (writes(cpu)) target.write(cpu, value, this);
            finish(cpu, old);
        }
    }

    @Override
    public final Block execute(Cpu cpu) {
        perform(cpu);
        return next.execute(cpu);
    }

    private void update(Cpu cpu, Operand.Memory memory) {
        long host = cpu.mmu.atomic(memory.linear(cpu), size, this);
        if (host == PhysicalMemory.NONE) {
            updateAlone(cpu, memory);
            return;
        }
        long flagResult = cpu.flagResult;
        long flagCarry = cpu.flagCarry;
        while (true) {
            long old = Atomic.get(host, size);
            long value = compute(cpu, old);
            if (Atomic.compareAndSet(host, size, old, value)) {
                finish(cpu, old);
                return;
            }
            cpu.flagResult = flagResult;
            cpu.flagCarry = flagCarry;
        }
    }

    /** What one atomic access of the host cannot do, such as one across a page: a split lock. */
    private void updateAlone(Cpu cpu, Operand.Memory memory) {
        cpu.platform().beginExclusive();
        try {
            long old = memory.readForWrite(cpu, this);
            memory.write(cpu, compute(cpu, old), this);
            finish(cpu, old);
        } finally {
            cpu.platform().endExclusive();
        }
    }
}
