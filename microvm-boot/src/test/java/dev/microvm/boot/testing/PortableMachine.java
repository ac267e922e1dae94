package dev.microvm.boot.testing;

import dev.microvm.MicroVmBuilder;
import dev.microvm.clock.GuestClock;
import dev.microvm.cpuid.CpuFeature;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.model.Feature;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import java.util.LinkedHashSet;
import java.util.Set;

/** Machines whose snapshots continue on KVM and on the engine. */
public final class PortableMachine {
    private PortableMachine() {}

    /** Lets a machine show only the CPU features that both hypervisors have. */
    public static MicroVmBuilder of(MicroVmBuilder builder, HypervisorChoice on) {
        Set<CpuFeature> only = features(on == HypervisorChoice.KVM ? "kvm" : "engine");
        only.removeAll(features(on == HypervisorChoice.KVM ? "engine" : "kvm"));
        only.forEach(each -> builder.cpuFeature(each.name(), Feature.OFF));
        return builder.hypervisor(on).irqchip(Irqchip.SPLIT);
    }

    /** Returns the frequency of the time-stamp counters that this host's KVM has, in kHz. */
    public static int hostKhz() {
        try (VirtualMachine vm = hypervisor("kvm").createVm("frequency", InterruptMode.SPLIT, GuestClock.HOST);
                Vcpu vcpu = vm.createVcpu(0)) {
            return (int) vcpu.tscKhz();
        }
    }

    private static Set<CpuFeature> features(String name) {
        return new LinkedHashSet<>(CpuFeature.in(hypervisor(name).supportedCpuid(GuestClock.HOST)));
    }

    private static Hypervisor hypervisor(String name) {
        return Hypervisor.installed().stream()
                .filter(each -> each.name().equals(name))
                .findFirst()
                .orElseThrow();
    }
}
