package dev.microvm.linuxguest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.Feature;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What a guest prints right before it ends arrives whole. {@code microvm.lastWords} is how often each
 * end is tried.
 */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(3600)
final class LinuxLastWordsTest {
    private static final int RUNS = Integer.getInteger("microvm.lastWords", 2);
    private static final String WORDS = "0123456789".repeat(30); // more than the UART's FIFO

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            exit    | vm-exit 7                                                        | ttyS0
            reset   | reboot -f                                                        | ttyS0
            panic   | echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger     | ttyS0
            init    | exit 3                                                           | ttyS0
            exit    | vm-exit 7                                                        | hvc0
            panic   | echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger     | hvc0
            """)
    void arriveWhole(String end, String command, String console) {
        Path kernel = GuestFiles.bundledKernel();
        for (int i = 0; i < RUNS; i++) {
            String words = "last words %d of %s: %s.".formatted(i, end, WORDS);
            MicroVmBuilder builder = TestMachine.builder();
            if (console.equals("hvc0")) builder.isaSerial(Feature.OFF).virtioConsole();
            try (MicroVm vm = builder.kernel(kernel)
                    .initrd(LinuxGuest.files()
                            .init(LinuxGuest.init("echo '" + words + "'\n" + command + "\n"))
                            .build())
                    .memoryMiB(128)
                    .cmdline("console=%s quiet reboot=k panic=-1".formatted(console))
                    .start()) {
                vm.awaitExit(Duration.ofMinutes(5));

                assertThat(vm.console().text()).as("run %d", i).contains(words);
                if (end.equals("panic") || end.equals("init")) { // the kernel's own last line, with panic=-1
                    assertThat(vm.console().text()).contains("Kernel Offset: disabled");
                }
            }
        }
    }
}
