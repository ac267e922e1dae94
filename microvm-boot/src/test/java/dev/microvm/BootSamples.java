package dev.microvm;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.StreamBackend;
import dev.microvm.boot.BootLayout;
import dev.microvm.boot.BootModule;
import dev.microvm.boot.BootPlan;
import dev.microvm.boot.CommandLine;
import dev.microvm.boot.FirmwareImage;
import dev.microvm.boot.FirmwareKernel;
import dev.microvm.boot.FirmwarePlan;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.Initrd;
import dev.microvm.boot.KernelImage;
import dev.microvm.boot.OptionRom;
import dev.microvm.boot.tables.PvhStartInfo;
import dev.microvm.boot.tables.ZeroPage;
import dev.microvm.boot.testing.TinyFirmware;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.testing.ApiSamples;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A valid value of each type of this module's API, and of those that it takes. */
final class BootSamples {
    private BootSamples() {}

    static ApiSamples in(Path folder) throws IOException {
        ApiSamples samples = new ApiSamples();
        Path file = Files.write(folder.resolve("sample"), TinyKernel.elf());
        Path rom = Files.write(folder.resolve("rom"), TinyFirmware.rom());
        byte[] optionRom = new byte[512]; // a signature and a length of one block: PCI Firmware Specification, 5.2.1
        optionRom[0] = 0x55;
        optionRom[1] = (byte) 0xaa;
        optionRom[2] = 1;
        samples.add(Path.class, file);
        samples.add(NetBackend.class, StreamBackend.to(new InetSocketAddress(InetAddress.getLoopbackAddress(), 1)));
        samples.add(MacAddress.class, MacAddress.of("sample", 0));
        samples.add(DiskImage.class, DiskImage.raw(file));
        samples.add(CommandLine.class, CommandLine.of("sample"));
        samples.add(Initramfs.class, Initramfs.builder().build());
        samples.add(Initramfs.Builder.class, Initramfs.builder());
        samples.add(Initrd.class, Initrd.of(new byte[] {1}));
        samples.add(BootModule.class, BootModule.of(new byte[] {1}, ""));
        samples.add(KernelImage.class, KernelImage.open(file));
        samples.add(FirmwareImage.class, FirmwareImage.open(rom));
        samples.add(OptionRom.class, OptionRom.open(Files.write(folder.resolve("option.rom"), optionRom)));
        samples.add(BootPlan.Builder.class, BootPlan.builder(KernelImage.open(file), BootLayout.memoryMap(16 << 20)));
        samples.add(
                FirmwarePlan.Builder.class,
                FirmwarePlan.builder(FirmwareImage.open(rom), BootLayout.memoryMap(16 << 20)));
        GuestMemory memory =
                new GuestMemory(List.of(new GuestMemoryRegion(0, Arena.ofAuto().allocate(0x1_0000, 4096), false)));
        samples.add(GuestMemory.class, memory);
        samples.add(ZeroPage.class, new ZeroPage(memory, 0x7000));
        samples.add(PvhStartInfo.class, new PvhStartInfo(memory, 0x6000));
        samples.add(
                BootPlan.class,
                BootPlan.builder(KernelImage.open(file), BootLayout.memoryMap(16 << 20))
                        .build());
        FirmwarePlan byFirmware = FirmwarePlan.builder(FirmwareImage.open(rom), BootLayout.memoryMap(16 << 20))
                .kernel(KernelImage.open(file), CommandLine.of(""), null)
                .build();
        samples.add(FirmwarePlan.class, byFirmware);
        samples.add(FirmwareKernel.class, byFirmware.kernel().orElseThrow());
        return samples;
    }
}
