package dev.microvm.kvm;

import dev.microvm.irq.IrqLine;
import dev.microvm.kvm.generated.kvm_irq_level;
import dev.microvm.linux.FileDescriptor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The wire to one global system interrupt, driven by KVM_IRQ_LINE: api.rst 4.25. Any thread may
 * drive it, at any time: on a machine that is closed nothing happens.
 */
final class KvmIrqLine implements IrqLine {
    private final KvmVirtualMachine machine;
    private final FileDescriptor vm;
    private final MemorySegment high; // both only ever read, so that threads share them
    private final MemorySegment low;

    KvmIrqLine(KvmVirtualMachine machine, FileDescriptor vm, int gsi, Arena arena) {
        this.machine = machine;
        this.vm = vm;
        high = level(gsi, 1, arena);
        low = level(gsi, 0, arena);
    }

    @Override
    public void set(boolean level) {
        long stamp = machine.enter();
        if (stamp == KvmVirtualMachine.CLOSED) return;
        try {
            KvmRequest.IRQ_LINE.call(vm, level ? high : low);
        } finally {
            machine.leave(stamp);
        }
    }

    private static MemorySegment level(int gsi, int level, Arena arena) {
        MemorySegment segment = kvm_irq_level.allocate(arena);
        kvm_irq_level.irq(segment, gsi);
        kvm_irq_level.level(segment, level);
        return segment;
    }
}
