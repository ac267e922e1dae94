package dev.microvm.machine;

import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.irq.InterruptController;
import dev.microvm.irq.IrqLine;
import dev.microvm.model.Irqchip;
import dev.microvm.vcpu.VcpuLoop;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The wiring of {@link Irqchip#KERNEL}: the hypervisor has all controllers and a PC's usual routes. */
public final class KernelInterrupts implements Interrupts {
    /** KVM's own IOAPIC has the timer on pin 0, not on pin 2 as most PCs: arch/x86/kvm/irq_comm.c, default_routing. */
    public static final int TIMER_PIN = 0;

    private final VirtualMachine vm;

    KernelInterrupts(VirtualMachine vm) {
        this.vm = vm;
    }

    @Override
    public List<Part> parts() {
        return List.of();
    }

    @Override
    public IrqLine line(int gsi) {
        return vm.irqLine(gsi);
    }

    @Override
    public IrqLine edgeLine(int gsi) {
        return vm.edgeLine(gsi);
    }

    @Override
    public @Nullable InterruptController externalInterrupts() {
        return null;
    }

    @Override
    public void connect(VcpuLoop firstVcpu) {}
}
