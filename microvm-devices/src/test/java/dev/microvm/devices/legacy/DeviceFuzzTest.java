package dev.microvm.devices.legacy;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.microvm.devices.firmware.FwCfgRig;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Hostile guests, one target for each register interface. In an ordinary build each runs the sample
 * scripts and what is in {@code src/test/resources/.../DeviceFuzzTestInputs}; {@code scripts/fuzz}
 * looks for new ones.
 */
@Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class DeviceFuzzTest {
    static Stream<byte[]> samples() {
        return RigScript.samples();
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void uart(byte[] script) {
        RigScript.run(script, Rigs.Uart::new);
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void rtc(byte[] script) {
        RigScript.run(script, Rigs.Rtc::new);
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void pit(byte[] script) {
        RigScript.run(script, Rigs.Pit::new);
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void pic(byte[] script) {
        RigScript.run(script, clock -> new Rigs.Pic());
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void ioApic(byte[] script) {
        RigScript.run(script, clock -> new Rigs.IoApics());
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void keyboardController(byte[] script) {
        RigScript.run(script, clock -> new Rigs.KeyboardController());
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void smallPorts(byte[] script) {
        RigScript.run(script, clock -> new Rigs.SmallPorts());
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void genericEventDevice(byte[] script) {
        RigScript.run(script, clock -> new Rigs.Events());
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void fwCfg(byte[] script) {
        RigScript.run(script, clock -> new FwCfgRig());
    }
}
