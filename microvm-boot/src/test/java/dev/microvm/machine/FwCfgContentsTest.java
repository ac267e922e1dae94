package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.BootLayout;
import dev.microvm.boot.CommandLine;
import dev.microvm.boot.FirmwareImage;
import dev.microvm.boot.FirmwarePlan;
import dev.microvm.boot.Initrd;
import dev.microvm.boot.KernelImage;
import dev.microvm.boot.OptionRom;
import dev.microvm.boot.tables.AcpiConfig;
import dev.microvm.boot.testing.TinyFirmware;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.devices.firmware.FwCfg;
import dev.microvm.devices.firmware.FwCfgKeys;
import dev.microvm.hypervisor.Capability;
import dev.microvm.memory.GuestMemory;
import dev.microvm.model.Irqchip;
import dev.microvm.model.OptionsSpec;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What firmware reads from the machine's fw_cfg by its ports. */
class FwCfgContentsTest {
    private static final OptionsPlan SPLIT = options(Irqchip.SPLIT);
    private static final OptionsPlan KERNEL = options(Irqchip.KERNEL);
    private static final long RAM = 5L << 30;

    @TempDir
    private Path folder;

    @Test
    void hasWhatEveryMachineHas() {
        FwCfg device = device(FwCfgContents.ofMachine(SPLIT, 3, RAM));

        assertThat(number(device, FwCfgKeys.RAM_SIZE, 8)).isEqualTo(RAM);
        assertThat(number(device, FwCfgKeys.NB_CPUS, 2)).isEqualTo(3);
        assertThat(number(device, FwCfgKeys.MAX_CPUS, 2)).isEqualTo(3);
        assertThat(number(device, FwCfgKeys.NOGRAPHIC, 2)).isEqualTo(1);
        assertThat(number(device, FwCfgKeys.BOOT_MENU, 2)).isZero();
        assertThat(number(device, FwCfgKeys.KERNEL_SIZE, 4)).isZero();
    }

    @Test
    void saysWhereTheTimersInterruptGoes() {
        assertThat(number(device(FwCfgContents.ofMachine(SPLIT, 1, RAM)), FwCfgKeys.IRQ0_OVERRIDE, 4))
                .isEqualTo(1);
        assertThat(number(device(FwCfgContents.ofMachine(KERNEL, 1, RAM)), FwCfgKeys.IRQ0_OVERRIDE, 4))
                .isZero();
    }

    @Test
    void mapsRam_andWhatTheHypervisorTakes() {
        ByteBuffer map = ByteBuffer.wrap(file(FwCfgContents.ofMachine(SPLIT, 1, RAM), "etc/e820", 3 * 20))
                .order(ByteOrder.LITTLE_ENDIAN);

        assertThat(entry(map)).containsExactly(0, 0xC000_0000L, 1);
        assertThat(entry(map)).containsExactly(0xFEFF_C000L, 0x4000, 2);
        assertThat(entry(map)).containsExactly(0x1_0000_0000L, 0x8000_0000L, 1);
    }

    @Test
    void hasAKernel_asFirmwareWantsIt() throws Exception {
        FirmwarePlan plan = plan().kernel(
                        KernelImage.open(Files.write(folder.resolve("ends.elf"), TinyKernel.elf())),
                        CommandLine.of("exit"),
                        Initrd.of(new byte[] {1, 2, 3}))
                .build();
        FwCfg device = device(with(plan));

        assertThat(number(device, FwCfgKeys.KERNEL_ENTRY, 4)).isEqualTo(0x10_0000);
        assertThat(number(device, FwCfgKeys.KERNEL_ADDR, 4)).isEqualTo(0x10_0000);
        assertThat(number(device, FwCfgKeys.KERNEL_SIZE, 4)).isPositive();
        assertThat(number(device, FwCfgKeys.SETUP_SIZE, 4)).isEqualTo(TinyKernel.elf().length);
        assertThat(bytes(device, FwCfgKeys.SETUP_DATA, 4)).containsExactly(0x7F, 'E', 'L', 'F');
        assertThat(number(device, FwCfgKeys.CMDLINE_SIZE, 4)).isEqualTo(5);
        assertThat(bytes(device, FwCfgKeys.CMDLINE_DATA, 5)).containsExactly('e', 'x', 'i', 't', 0);
        assertThat(number(device, FwCfgKeys.INITRD_ADDR, 4)).isEqualTo((15 << 20) - 4096);
        assertThat(number(device, FwCfgKeys.INITRD_SIZE, 4)).isEqualTo(3);
        assertThat(bytes(device, FwCfgKeys.INITRD_DATA, 3)).containsExactly(1, 2, 3);
    }

    @Test
    void hasTablesAndTheirScript() throws Exception {
        assertThat(with(plan().acpi(AcpiConfig.of(1)).build()).files())
                .containsKeys("etc/acpi/rsdp", "etc/acpi/tables", "etc/table-loader");
    }

    @Test
    void hasOptionRoms_andBootsFromThemInTheirOrder() throws Exception {
        FirmwarePlan plan = plan().optionRom(optionRom("linuxboot_dma.bin"))
                .optionRom(optionRom("a.bin"))
                .build();
        FwCfg.Builder contents = with(plan);
        String order = "/rom@genroms/linuxboot_dma.bin\n/rom@genroms/a.bin\0";

        assertThat(file(contents, "bootorder", order.length()))
                .asString(StandardCharsets.US_ASCII)
                .isEqualTo(order);
        assertThat(file(contents, "genroms/a.bin", 3)).containsExactly(0x55, (byte) 0xAA, 1);
    }

    @Test
    void servesMachinesOneAfterTheOther() {
        FwCfg.Builder contents = FwCfgContents.ofMachine(SPLIT, 2, RAM);
        number(device(contents), FwCfgKeys.NB_CPUS, 1);

        assertThat(number(device(contents), FwCfgKeys.NB_CPUS, 2)).isEqualTo(2);
    }

    private static OptionsPlan options(Irqchip irqchip) {
        OptionsSpec spec = OptionsSpec.DEFAULT.withIrqchip(irqchip);
        return OptionsPlanner.decide(spec, EnumSet.allOf(Capability.class), new ArrayList<>());
    }

    private FirmwarePlan.Builder plan() throws Exception {
        Path rom = Files.write(folder.resolve("firmware.rom"), TinyFirmware.rom());
        return FirmwarePlan.builder(FirmwareImage.open(rom), BootLayout.firmwareMemoryMap(16 << 20));
    }

    private OptionRom optionRom(String name) throws Exception {
        byte[] rom = Arrays.copyOf(new byte[] {0x55, (byte) 0xAA, 1}, 512);
        return OptionRom.open(Files.write(folder.resolve(name), rom));
    }

    private static FwCfg.Builder with(FirmwarePlan plan) {
        FwCfg.Builder contents = FwCfgContents.ofMachine(SPLIT, 1, 16 << 20);
        FwCfgContents.add(contents, plan);
        return contents;
    }

    private static FwCfg device(FwCfg.Builder contents) {
        return contents.build(new GuestMemory(List.of()));
    }

    private static long number(FwCfg device, int key, int size) {
        long value = 0;
        int[] bytes = bytes(device, key, size);
        for (int i = 0; i < size; i++) {
            value |= (long) bytes[i] << (8 * i);
        }
        return value;
    }

    private static int[] bytes(FwCfg device, int key, int size) {
        device.write(0, 2, key);
        int[] bytes = new int[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (int) device.read(1, 1);
        }
        return bytes;
    }

    /** Reads the first bytes of a file, whose key follows from its index among the names. */
    private static byte[] file(FwCfg.Builder contents, String name, int size) {
        int key = FwCfgKeys.FILE_FIRST + List.copyOf(contents.files().keySet()).indexOf(name);
        byte[] bytes = new byte[size];
        int[] read = bytes(device(contents), key, size);
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) read[i];
        }
        return bytes;
    }

    private static long[] entry(ByteBuffer map) {
        return new long[] {map.getLong(), map.getLong(), map.getInt()};
    }
}
