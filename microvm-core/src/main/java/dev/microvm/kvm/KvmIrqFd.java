package dev.microvm.kvm;

import dev.microvm.irq.IrqLine;
import dev.microvm.kvm.generated.kvm_irqfd;
import dev.microvm.linux.EventFd;
import dev.microvm.linux.FileDescriptor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Edges on one global system interrupt, each a write to an eventfd: KVM_IRQFD, api.rst 4.75. Any thread may pulse. */
final class KvmIrqFd implements IrqLine, AutoCloseable {
    private final EventFd eventFd = new EventFd();

    KvmIrqFd(FileDescriptor vm, int gsi) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment request = kvm_irqfd.allocate(call);
            kvm_irqfd.fd(request, eventFd.descriptor());
            kvm_irqfd.gsi(request, gsi);
            KvmRequest.IRQFD.call(vm, request);
        } catch (RuntimeException e) {
            eventFd.close();
            throw e;
        }
    }

    @Override
    public void set(boolean level) {
        if (level) pulse();
    }

    @Override
    public void pulse() {
        eventFd.signal();
    }

    /** Closing the eventfd takes it from KVM too. */
    @Override
    public void close() {
        eventFd.close();
    }
}
