package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.Initramfs;
import dev.microvm.boot.KernelImage;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.Feature;
import dev.microvm.model.Irqchip;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Debian's kernels boot to an init of ours by QEMU's firmware. */
@Lanes.Kernels
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class FirmwareBootTest {
    private static final Duration SOON = Duration.ofMinutes(3);

    /** Reports on the machine, then resets it. */
    private static final String INIT = """
            insmod /lib/modules/$(uname -r)/kernel/drivers/firmware/qemu_fw_cfg.ko
            echo "cpus=$(grep -c ^processor /proc/cpuinfo)."
            echo "acpi=$(ls /sys/firmware/acpi/tables | head -n 3 | tr '\\n' ' ')."
            echo "item=$(cat /sys/firmware/qemu_fw_cfg/by_name/opt/test/raw)."
            cat /proc/interrupts
            echo end-of-report
            reboot -f
            """;

    private final List<String> firmwareLines = Collections.synchronizedList(new ArrayList<>());

    @SuppressWarnings("NullAway.Init") // set by prepareGuests
    private Path unpacked; // a vmlinux file

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @BeforeAll
    void prepareGuests(@TempDir Path folder) throws Exception {
        String release = Files.readString(GuestFiles.file("cloud/release")).strip();
        initramfs = LinuxGuest.files()
                .modules(GuestFiles.file("cloud/modules"), release, List.of("qemu_fw_cfg"))
                .init(LinuxGuest.init(INIT))
                .build();
        unpacked = folder.resolve("vmlinux");
        KernelImage.open(GuestFiles.file("cloud/vmlinuz")).writeVmlinux(unpacked);
    }

    @ParameterizedTest
    @CsvSource({
        "qboot.rom,        bzImage, KERNEL, 1",
        "qboot.rom,        bzImage, SPLIT,  2",
        "qboot.rom,        vmlinux, SPLIT,  1",
        "bios-microvm.bin, bzImage, SPLIT,  1",
        "bios-microvm.bin, bzImage, KERNEL, 2",
        "bios-microvm.bin, vmlinux, SPLIT,  2",
    })
    void bootsToInit(String firmware, String form, Irqchip irqchip, int vcpus) {
        boolean bzImage = form.equals("bzImage");
        MicroVmBuilder builder = linux("cloud", irqchip)
                .kernel(bzImage ? GuestFiles.file("cloud/vmlinuz") : unpacked)
                .firmware(GuestFiles.file(firmware))
                .optionRom(GuestFiles.file(bzImage ? "linuxboot_dma.bin" : "pvh.bin"))
                .vcpus(vcpus);
        assertThat(reportOf(builder))
                .contains("cpus=" + vcpus + ".")
                .contains("acpi=APIC DSDT FACP .")
                .contains("item=by hand.")
                .containsPattern("IO-APIC +4-edge +ttyS0");
    }

    @Test
    void findsCpusByTheFirmwaresMpTable_whenThereIsNoAcpi() { // Debian's cloud kernel cannot
        MicroVmBuilder builder = linux("standard", TestMachine.preferredIrqchip())
                .firmware(GuestFiles.file("qboot.rom"))
                .acpi(Feature.OFF)
                .vcpus(2);
        assertThat(reportOf(builder)).contains("cpus=2.").contains("acpi=.").containsPattern("IO-APIC +4-edge +ttyS0");
    }

    @Test
    void readsItsItems_whenThereIsNoFirmware() {
        assertThat(reportOf(linux("cloud", Irqchip.SPLIT).kernel(unpacked))).contains("item=by hand.");
    }

    @ParameterizedTest
    @CsvSource({"qboot.rom, vmlinux", "bios-microvm.bin, bzImage"})
    void startsAgainWithTheFirmware(String firmware, String form) {
        boolean bzImage = form.equals("bzImage");
        try (MicroVm vm = linux("cloud", Irqchip.SPLIT)
                .kernel(bzImage ? GuestFiles.file("cloud/vmlinuz") : unpacked)
                .firmware(GuestFiles.file(firmware))
                .optionRom(GuestFiles.file(bzImage ? "linuxboot_dma.bin" : "pvh.bin"))
                .onReset(ResetAction.RESTART)
                .start()) {
            vm.console().awaitText("end-of-report", SOON);
            assertThat(vm.console().awaitText("end-of-report", SOON)).contains("item=by hand.");
            assertThat(vm.restarts()).isEqualTo(1);
        }
    }

    @Test
    void saysSo_whenThereIsNothingToBoot() {
        try (MicroVm vm = TestMachine.builder()
                .firmware(GuestFiles.file("bios-microvm.bin"))
                .firmwareLog(firmwareLines::add)
                .start()) {
            assertThat(vm.console().awaitText("No bootable device.", SOON)).contains("SeaBIOS");
        }
        assertThat(firmwareLines).anyMatch(line -> line.startsWith("SeaBIOS (version "));
    }

    /** What init says; then the guest must reset the machine. */
    private static String reportOf(MicroVmBuilder builder) {
        try (MicroVm vm = builder.start()) {
            String report = vm.console().awaitText("end-of-report", SOON);
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.RESET);
            return report;
        }
    }

    private MicroVmBuilder linux(String kernel, Irqchip irqchip) {
        return TestMachine.builder(irqchip)
                .kernel(GuestFiles.file(kernel + "/vmlinuz"))
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline("console=ttyS0 reboot=k cryptomgr.notests")
                .fwCfg("opt/test", "by hand".getBytes(StandardCharsets.US_ASCII));
    }
}
