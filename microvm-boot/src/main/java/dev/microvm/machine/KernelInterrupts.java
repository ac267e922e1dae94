package dev.microvm.machine;

import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.irq.InterruptController;
import dev.microvm.irq.IrqLine;
import dev.microvm.model.Irqchip;
import dev.microvm.vcpu.VcpuLoop;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The wiring of {@link Irqchip#KERNEL}: the hypervisor has all controllers and the usual routes of
 * a PC.
 */
public final class KernelInterrupts implements Interrupts {
    /**
     * The pin of the timer: KVM's IOAPIC has it on pin 0, most PCs on pin 2. Source:
     * arch/x86/kvm/irq_comm.c, default_routing.
     */
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
