package dev.microvm.devices.legacy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.params.provider.Arguments.argumentSet;

import dev.microvm.devices.firmware.FwCfgRig;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What every {@link Stateful} device of the package must do, in the middle of whatever it does. */
final class StatefulContractTest {
    static Stream<Arguments> rigs() {
        return Stream.of(
                rig("16550A", Rigs.Uart::new),
                rig("MC146818", Rigs.Rtc::new),
                rig("8254", Rigs.Pit::new),
                rig("8259A", clock -> new Rigs.Pic()),
                rig("IOAPIC", clock -> new Rigs.IoApics()),
                rig("8042", clock -> new Rigs.KeyboardController()),
                rig("small ports", clock -> new Rigs.SmallPorts()),
                rig("generic event device", clock -> new Rigs.Events()),
                rig("fw_cfg", clock -> new FwCfgRig()));
    }

    private static Arguments rig(String name, Function<FuzzClock, Rig> maker) {
        return argumentSet(name, maker);
    }

    /**
     * {@link RigScript} saves, encodes, decodes, restores into a new device, and compares, then and
     * from then on.
     */
    @ParameterizedTest
    @MethodSource("rigs")
    void continuesAsBefore_whenRestoredIntoANewDevice(Function<FuzzClock, Rig> maker) {
        RigScript.samples().forEach(script -> RigScript.run(script, maker));
    }

    @ParameterizedTest
    @MethodSource("rigs")
    void savesWhatItWasGiven_whenRestoredIntoANewDevice(Function<FuzzClock, Rig> maker) {
        FuzzClock clock = new FuzzClock(0);
        Rig first = maker.apply(clock);
        Rig second = maker.apply(clock);
        List<DeviceState> states = first.parts().stream().map(Stateful::save).toList();

        restoreAll(second, states);

        assertThat(second.parts().stream().map(Stateful::save).toList()).isEqualTo(states);
        assertThat(states.stream()
                        .map(state -> DeviceState.decode(state.encode()))
                        .toList())
                .isEqualTo(states);
    }

    private static void restoreAll(Rig rig, List<DeviceState> states) {
        for (int i = 0; i < states.size(); i++) rig.parts().get(i).restore(states.get(i));
    }

    @ParameterizedTest
    @MethodSource("rigs")
    void refusesStateOfAnotherTypeOrANewerVersion(Function<FuzzClock, Rig> maker) {
        Rig rig = maker.apply(new FuzzClock(0));

        assertThat(rig.parts()).allSatisfy(part -> {
            DeviceState state = part.save();
            assertThatIllegalArgumentException().isThrownBy(() -> part.restore(new DeviceState("toaster", 1)));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> part.restore(new DeviceState(state.type(), state.version() + 1)))
                    .withMessageContaining(state.type());
        });
    }

    @ParameterizedTest
    @MethodSource("rigs")
    void refusesStateThatLacksItsFields(Function<FuzzClock, Rig> maker) {
        Rig rig = maker.apply(new FuzzClock(0));

        assertThat(rig.parts())
                .filteredOn(part -> !part.save().numbers().isEmpty())
                .allSatisfy(part -> assertThatIllegalArgumentException()
                        .isThrownBy(
                                () -> part.restore(new DeviceState(part.save().type(), 1)))
                        .withMessageContaining("no field"));
    }
}
