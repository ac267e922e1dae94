package dev.microvm.boot.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.util.stream.Stream;

/** Machines on the hypervisor that is tested: KVM, or in lane engine the engine. */
public final class TestMachine {
    private TestMachine() {}

    /** Describes one. */
    public static MicroVmBuilder builder() {
        return MicroVm.builder().hypervisor(onEngine() ? HypervisorChoice.ENGINE : HypervisorChoice.KVM);
    }

    /** Describes one with these interrupt controllers; skips the test if the hypervisor has none of the kind. */
    public static MicroVmBuilder builder(Irqchip irqchip) {
        assumeTrue(irqchips().anyMatch(irqchip::equals), irqchip + " is not for the engine");
        return builder().irqchip(irqchip);
    }

    /** Which kinds of interrupt controllers the hypervisor can serve. */
    public static Stream<Irqchip> irqchips() {
        return onEngine() ? Stream.of(Irqchip.SPLIT) : Stream.of(Irqchip.values());
    }

    /** The hypervisor's own interrupt controllers if it has any, else ours. */
    public static Irqchip preferredIrqchip() {
        return onEngine() ? Irqchip.SPLIT : Irqchip.KERNEL;
    }

    public static boolean onEngine() {
        return Lanes.hypervisor().equals(Lanes.ENGINE);
    }
}
