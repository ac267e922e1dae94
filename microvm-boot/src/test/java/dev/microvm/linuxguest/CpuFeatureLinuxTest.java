package dev.microvm.linuxguest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.model.Feature;
import dev.microvm.testing.Lanes;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Linux sees the features that the CPUID policy gives it. */
@Lanes.Kernels
@Timeout(300)
final class CpuFeatureLinuxTest {
    private static final String INIT = """
            grep -m 1 '^model name' /proc/cpuinfo
            grep -m 1 '^flags' /proc/cpuinfo
            echo end-of-flags
            sleep 1000
            """;

    @Test
    void linuxSeesTwoThreadsACore_ifThereAreTwo() {
        try (MicroVm vm = TestMachine.builder()
                .kernel(GuestFiles.bundledKernel())
                .initrd(LinuxGuest.files()
                        .init(LinuxGuest.init(
                                "cd /sys/devices/system/cpu; echo $(cat cpu?/topology/core_cpus_list).end; sleep 1000"))
                        .build())
                .vcpus(4)
                .smt(Feature.ON)
                .memoryMiB(128)
                .cmdline("console=ttyS0 quiet")
                .start()) {
            assertThat(vm.console().awaitText(".end", Duration.ofMinutes(2))).contains("0-1 0-1 2-3 2-3.end");
        }
    }

    @Test
    void linuxHasTheFeaturesAndTheNameThatTheDescriptionGivesIt() {
        try (MicroVm vm = TestMachine.builder()
                .kernel(GuestFiles.file("cloud/vmlinuz"))
                .initrd(LinuxGuest.files().init(LinuxGuest.init(INIT)).build())
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet cryptomgr.notests")
                .cpuFeature("sse2", Feature.ON)
                .cpuFeature("pat", Feature.OFF)
                .cpuidLeaf(new CpuidEntry(0x8000_0002, 0, false, 0x6978_6946, 0x7570_6320, 0, 0)) // "Fixi cpu"
                .cpuidLeaf(new CpuidEntry(0x8000_0003, 0, false, 0, 0, 0, 0))
                .cpuidLeaf(new CpuidEntry(0x8000_0004, 0, false, 0, 0, 0, 0))
                .start()) {
            String text = vm.console().awaitText("end-of-flags", Duration.ofMinutes(2));
            assertThat(text).containsPattern("model name\\s*: Fixi cpu");
            assertThat(text).containsPattern("flags[^\n]* sse2 ").doesNotContainPattern("flags[^\n]* pat ");
        }
    }
}
