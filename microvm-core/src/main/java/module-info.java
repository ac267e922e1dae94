/**
 * The core of microvm: guest memory, buses, the event loop, the hypervisor SPI, and KVM behind it.
 *
 * <p>Start reading at {@link dev.microvm.hypervisor}: it is what everything above stands on. KVM
 * itself ({@code dev.microvm.kvm}) is not exported: it is found as a {@link
 * dev.microvm.hypervisor.Hypervisor} service.
 */
@SuppressWarnings("module") // qualified exports name modules that are compiled later
module dev.microvm.core {
    requires java.management; // the CPU time of threads
    requires org.slf4j;
    requires static transitive org.jspecify;

    exports dev.microvm.error;
    exports dev.microvm.memory;
    exports dev.microvm.irq;
    exports dev.microvm.clock;
    exports dev.microvm.state;
    exports dev.microvm.event;
    exports dev.microvm.limits;
    exports dev.microvm.cpuid;
    exports dev.microvm.hypervisor;
    exports dev.microvm.bus;
    exports dev.microvm.vcpu;
    exports dev.microvm.host to
            dev.microvm.engine;
    exports dev.microvm.linux to
            dev.microvm.devices,
            dev.microvm.engine,
            dev.microvm.boot,
            dev.microvm.sandbox,
            dev.microvm.bench,
            dev.microvm.cli;
    exports dev.microvm.compress to
            dev.microvm.devices,
            dev.microvm.boot,
            dev.microvm.sandbox;

    uses dev.microvm.hypervisor.Hypervisor;

    provides dev.microvm.hypervisor.Hypervisor with
            dev.microvm.kvm.KvmHypervisor;
}
