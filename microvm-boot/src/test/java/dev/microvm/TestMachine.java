package dev.microvm;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.testing.Lanes;
import java.util.stream.Stream;

/** Machines on the hypervisor that is tested: KVM, or in lane engine the engine. */
final class TestMachine {
    private TestMachine() {}

    /** Describes one. */
    static MicroVmBuilder builder() {
        return MicroVm.builder().hypervisor(onEngine() ? HypervisorChoice.ENGINE : HypervisorChoice.KVM);
    }

    /** Describes one with these interrupt controllers; skips the test if the hypervisor has none of the kind. */
    static MicroVmBuilder builder(Irqchip irqchip) {
        assumeTrue(irqchips().anyMatch(irqchip::equals), irqchip + " is not for the engine");
        return builder().irqchip(irqchip);
    }

    /** Which kinds of interrupt controllers the hypervisor can serve. */
    static Stream<Irqchip> irqchips() {
        return onEngine() ? Stream.of(Irqchip.SPLIT) : Stream.of(Irqchip.values());
    }

    /** The hypervisor's own interrupt controllers if it has any, else ours. */
    static Irqchip preferredIrqchip() {
        return onEngine() ? Irqchip.SPLIT : Irqchip.KERNEL;
    }

    static boolean onEngine() {
        return Lanes.hypervisor().equals(Lanes.ENGINE);
    }
}
