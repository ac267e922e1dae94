package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.TestMachine;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.model.ExitReport;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Multiboot kernels from {@code src/test/guest/multiboot.inc}, which print how they were entered
 * and what they were told.
 */
@Lanes.TinyGuests
@Timeout(60)
final class MultibootGuestTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    private static final int FIRST_MODULE = 0x10_1000; // the page behind the kernel
    private static final int SECOND_MODULE = FIRST_MODULE + 0x2000;

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({
        "multiboot32.elf,    KERNEL",
        "multiboot32.elf,    SPLIT",
        "multiboot64.elf,    KERNEL",
        "multiboot64.elf,    SPLIT",
        "multiboot-flat.bin, KERNEL",
        "multiboot-flat.bin, SPLIT",
    })
    void tellsAKernelWhatItHas(String kernel, Irqchip irqchip) throws IOException {
        byte[] first = "the first module".repeat(300).getBytes(StandardCharsets.US_ASCII);
        Path second = Files.write(folder.resolve("second"), new byte[] {1, 2, 3});

        try (MicroVm vm = machine(kernel, irqchip)
                .cmdline("tiny verbose=1")
                .module(first, "first.img key=value")
                .module(second, "")
                .start()) {
            ExitReport report = vm.awaitExit(SOON);

            assertThat(vm.console().text()).isEqualTo("""
                            entered 2badb002 00000011 00000002 00000000
                            flags 0000024d
                            memory 0000027f 00003c00
                            loader microvm
                            cmdline tiny verbose=1
                            module %08x %08x %08x first.img key=value
                            module %08x %08x 00000006\040
                            entry 00000000 00000000 00000000 0009fc00 00000001
                            entry 00000000 0009fc00 00000000 00000400 00000002
                            entry 00000000 000e0000 00000000 00020000 00000002
                            entry 00000000 00100000 00000000 00f00000 00000001
                            """.formatted(
                            FIRST_MODULE, FIRST_MODULE + first.length, sum(first), SECOND_MODULE, SECOND_MODULE + 3));
            assertThat(report.reason()).isEqualTo(Reason.EXIT_PORT);
            assertThat(report.exitCode()).isEqualTo(OptionalInt.of(3));
        }
    }

    @Test
    void startsWithoutModules() throws IOException {
        try (MicroVm vm =
                machine("multiboot-flat.bin", Irqchip.SPLIT).cmdline("").start()) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.EXIT_PORT);
            assertThat(vm.console().text()).contains("\ncmdline \nentry 00000000 00000000 ");
        }
    }

    @Test
    void describesKernelAndModules() throws IOException {
        try (MicroVm vm = machine("multiboot-flat.bin", Irqchip.SPLIT)
                .module(new byte[5], "five")
                .build()) {
            assertThat(vm.describe())
                    .contains("multiboot-flat.bin (flat)")
                    .containsPattern("boot +MULTIBOOT, loaded ready to run, kernel at \\[0x100000, ")
                    .containsPattern("module +at \\[0x101000, 0x101005\\) five");
        }
    }

    private MicroVmBuilder machine(String kernel, Irqchip irqchip) throws IOException {
        return TestMachine.builder(irqchip)
                .memoryMiB(16)
                .kernel(Files.write(folder.resolve(kernel), TinyKernel.guest(kernel)));
    }

    private static int sum(byte[] bytes) {
        int sum = 0;
        for (byte value : bytes) sum += Byte.toUnsignedInt(value);
        return sum;
    }
}
