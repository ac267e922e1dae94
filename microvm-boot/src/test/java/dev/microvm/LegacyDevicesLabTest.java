package dev.microvm;

import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** The legacy devices, to guests on ordinary KVM: its local APICs do what others leave out. */
@Lanes.Lab
@ParameterizedClass
@EnumSource(Irqchip.class)
final class LegacyDevicesLabTest extends LegacyDevicesContract {
    LegacyDevicesLabTest(Irqchip irqchip) {
        super(HypervisorChoice.KVM, irqchip);
    }
}
