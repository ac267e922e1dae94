package dev.microvm.boot.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.util.stream.Stream;

/** Machines on the tested hypervisor: KVM, or the engine in lane engine. */
public final class TestMachine {
    private TestMachine() {}

    /** Describes a machine. */
    public static MicroVmBuilder builder() {
        return MicroVm.builder().hypervisor(onEngine() ? HypervisorChoice.ENGINE : HypervisorChoice.KVM);
    }

    /**
     * Describes a machine with these interrupt controllers; skips the test if the hypervisor does
     * not support them.
     */
    public static MicroVmBuilder builder(Irqchip irqchip) {
        assumeTrue(irqchips().anyMatch(irqchip::equals), irqchip + " is not for the engine");
        return builder().irqchip(irqchip);
    }

    /** Returns the kinds of interrupt controllers that the hypervisor supports. */
    public static Stream<Irqchip> irqchips() {
        return onEngine() ? Stream.of(Irqchip.SPLIT) : Stream.of(Irqchip.values());
    }

    /** Returns KERNEL if the hypervisor has interrupt controllers, otherwise SPLIT. */
    public static Irqchip preferredIrqchip() {
        return onEngine() ? Irqchip.SPLIT : Irqchip.KERNEL;
    }

    public static boolean onEngine() {
        return Lanes.hypervisor().equals(Lanes.ENGINE);
    }
}
