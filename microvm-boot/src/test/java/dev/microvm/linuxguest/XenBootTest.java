package dev.microvm.linuxguest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.testing.Lanes;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Debian's Xen, a Multiboot kernel in a gzip file, finds its memory, its tables and its module,
 * Linux.
 */
@Lanes.Kernels
@Timeout(300)
final class XenBootTest {
    private static final Duration SOON = Duration.ofMinutes(2);

    @Test
    void bootsUntilItLoadsLinux() {
        try (MicroVm vm = TestMachine.builder(TestMachine.preferredIrqchip())
                .kernel(GuestFiles.file("xen.gz"))
                .cmdline("xen com1=115200,8n1 console=com1 loglvl=all")
                .module(GuestFiles.file("cloud/vmlinuz"), "vmlinuz console=hvc0")
                .memoryMiB(512)
                .start()) {
            assertThat(vm.console().awaitText("Dom0 kernel: 64-bit", SOON))
                    .contains("(XEN) Bootloader: microvm")
                    .contains("(XEN) Command line: com1=115200,8n1 console=com1 loglvl=all")
                    .contains("(XEN) Multiboot-e820 RAM map:")
                    .contains("(XEN)  [0000000000100000, 000000001fffffff] (usable)")
                    .contains("(XEN) ACPI: RSDP 000E0000")
                    .contains("(XEN) found SMP MP-table at 000f0000")
                    .contains("(XEN) *** Building a PV Dom0 ***");
        }
    }
}
