package dev.microvm;

import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;

/** The legacy devices, to guests on the engine. */
@Lanes.Engine
final class LegacyDevicesEngineTest extends LegacyDevicesContract {
    LegacyDevicesEngineTest() {
        super(HypervisorChoice.ENGINE, Irqchip.SPLIT);
    }
}
