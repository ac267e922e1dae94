package dev.microvm;

import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** The legacy devices, to guests on this machine's KVM. */
@Lanes.Kvm
@ParameterizedClass
@EnumSource(Irqchip.class)
final class LegacyDevicesKvmTest extends LegacyDevicesContract {
    LegacyDevicesKvmTest(Irqchip irqchip) {
        super(HypervisorChoice.KVM, irqchip);
    }

    /** The local APIC of kvm-pvm ends an interrupt when the vCPU takes it: see docs/kvm.md. */
    @Override
    boolean localApicKeepsInService() {
        return Files.notExists(Path.of("/sys/module/kvm_pvm"));
    }
}
