package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.TinyFirmware;
import dev.microvm.model.ExitReport;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A tiny firmware of ours runs from the reset vector, on this machine's KVM. */
@Lanes.TinyGuests
@Timeout(60)
final class FirmwareGuestTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir
    private Path folder;

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void runsFromTheResetVector_andFindsWhatTheHostTellsIt(Irqchip irqchip) {
        try (MicroVm vm = TinyFirmware.on(folder)
                .irqchip(irqchip)
                .fwCfg("opt/greeting", "hello firmware\n".getBytes(StandardCharsets.US_ASCII))
                .start()) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.EXIT_PORT);
            assertThat(vm.exitReport()).get().extracting(ExitReport::exitCode).isEqualTo(OptionalInt.of(9));
            assertThat(vm.console().text()).isEqualTo("""
                            QEMU
                            hello firmware
                            the ROM is as it was
                            its copy is the same
                            its copy can be written
                            DMA to the ROM is refused
                            the ROM is as it was
                            """);
        }
    }

    @Test
    void findsTheContentOfAFile() throws Exception {
        Path file = Files.writeString(folder.resolve("greeting"), "hello from a file\n");
        try (MicroVm vm = TinyFirmware.on(folder).fwCfg("opt/greeting", file).start()) {
            vm.awaitExit(SOON);
            assertThat(vm.console().text()).startsWith("QEMU\nhello from a file\n");
        }
    }

    @Test
    void handsOnWhatFirmwareLogs() {
        List<String> lines = Collections.synchronizedList(new ArrayList<>());
        try (MicroVm vm = TinyFirmware.on(folder).firmwareLog(lines::add).start()) {
            vm.awaitExit(SOON);
            assertThat(lines).containsExactly("firmware's log");
        }
    }

    @Test
    void describesTheFirmware() {
        try (MicroVm vm = TinyFirmware.on(folder)
                .fwCfg("opt/greeting", new byte[5])
                .firmwareLog(line -> {})
                .start()) {
            assertThat(vm.describe())
                    .contains("firmware.rom at [0xfffff000, 0x100000000), its end also at [0xff000, 0x100000)")
                    .contains("boot               left to the firmware")
                    .contains("optionRoms         off (AUTO: there are none)")
                    .contains("fw_cfg             opt/greeting (5 bytes)")
                    .contains("port               [0x402, 0x403) debug console")
                    .contains("port               [0x510, 0x51c) fw_cfg");
        }
    }
}
