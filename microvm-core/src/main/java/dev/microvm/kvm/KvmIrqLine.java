package dev.microvm.kvm;

import dev.microvm.irq.IrqLine;
import dev.microvm.kvm.generated.kvm_irq_level;
import dev.microvm.linux.FileDescriptor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The wire to one global system interrupt, driven by KVM_IRQ_LINE: api.rst 4.25. Any thread may drive it. */
final class KvmIrqLine implements IrqLine {
    private final FileDescriptor vm;
    private final MemorySegment high; // both only ever read, so that threads share them
    private final MemorySegment low;

    KvmIrqLine(FileDescriptor vm, int gsi, Arena arena) {
        this.vm = vm;
        high = level(gsi, 1, arena);
        low = level(gsi, 0, arena);
    }

    @Override
    public void set(boolean level) {
        KvmRequest.IRQ_LINE.call(vm, level ? high : low);
    }

    private static MemorySegment level(int gsi, int level, Arena arena) {
        MemorySegment segment = kvm_irq_level.allocate(arena);
        kvm_irq_level.irq(segment, gsi);
        kvm_irq_level.level(segment, level);
        return segment;
    }
}
