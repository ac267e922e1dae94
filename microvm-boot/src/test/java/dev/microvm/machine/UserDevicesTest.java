package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.boot.testing.FixedDevice;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.bus.DeviceFactory;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.HypervisorChoice;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Code of the user that makes no device: {@code start()} names the device and throws one type. */
final class UserDevicesTest {
    @TempDir
    private Path folder;

    @Test
    @SuppressWarnings("NullAway") // what a program without these checks does
    void areRefusedByName_whenAFactoryReturnsNull() {
        assertStartFails(
                machine().portDevice("mine", 0x500, 4, context -> null),
                "portDevice \"mine\" cannot be made: its factory returned null: return a device");
        assertStartFails(
                machine().virtioDevice("own", transport -> null),
                "virtio device \"own\" cannot be made: its factory returned null: return a device");
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 24, 99})
    void areRefusedByName_whenThereIsNoSuchInterrupt(int gsi) {
        DeviceFactory factory = context -> {
            context.irqLine(gsi);
            return new FixedDevice(0);
        };

        assertStartFails(
                machine().mmioDevice("mine", 0xd000_0000L, 4096, factory),
                "mmioDevice \"mine\" cannot be made: irqLine: 0 to 23, was " + gsi);
    }

    @Test
    void areRefusedByName_whenAFactoryThrows() {
        DeviceFactory factory = context -> {
            throw new IllegalStateException();
        };

        assertStartFails(
                machine().portDevice("mine", 0x500, 4, factory),
                "portDevice \"mine\" cannot be made: java.lang.IllegalStateException");
    }

    private MicroVmBuilder machine() {
        return TinyKernel.on(folder, "exit").hypervisor(HypervisorChoice.ENGINE);
    }

    private static void assertStartFails(MicroVmBuilder machine, String message) {
        try (MicroVm vm = machine.build()) {
            assertThatExceptionOfType(MicroVmException.class)
                    .isThrownBy(vm::start)
                    .withMessage(message);
        }
    }
}
