package dev.microvm.kvm;

import static dev.microvm.kvm.generated.kvm_h.KVM_IRQFD_FLAG_DEASSIGN;

import dev.microvm.irq.IrqLine;
import dev.microvm.kvm.generated.kvm_irqfd;
import dev.microvm.linux.EventFd;
import dev.microvm.linux.FileDescriptor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Edges on one global system interrupt, each a write to an eventfd: KVM_IRQFD, api.rst 4.75. Any
 * thread may pulse.
 */
final class KvmIrqFd implements IrqLine, AutoCloseable {
    private final FileDescriptor vm;
    private final int gsi;
    private final EventFd eventFd = new EventFd();

    KvmIrqFd(FileDescriptor vm, int gsi) {
        this.vm = vm;
        this.gsi = gsi;
        try {
            attach();
        } catch (RuntimeException e) {
            eventFd.close();
            throw e;
        }
    }

    /** Lets pulses through to KVM, those that came while it was detached among them. */
    void attach() {
        request(0);
    }

    /**
     * Keeps pulses back until {@link #attach}; returns when those before have reached their local
     * APICs.
     */
    void detach() {
        request(KVM_IRQFD_FLAG_DEASSIGN);
    }

    private void request(int flags) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment request = kvm_irqfd.allocate(call);
            kvm_irqfd.fd(request, eventFd.descriptor());
            kvm_irqfd.gsi(request, gsi);
            kvm_irqfd.flags(request, flags);
            KvmRequest.IRQFD.call(vm, request);
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
