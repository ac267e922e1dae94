package dev.microvm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.image.BzImageBuilder;
import dev.microvm.boot.image.Compression;
import dev.microvm.boot.image.ElfBuilder;
import dev.microvm.boot.tables.AcpiConfig;
import dev.microvm.boot.tables.MpTable;
import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.memory.GuestMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BootPlanTest {
    private static final byte[] CONTENT = Guests.content(0x2345);
    private static final long MODULE = BootLayout.PVH_START_INFO + 0x40;
    private static final long MEMMAP = BootLayout.PVH_START_INFO + 0x80;

    @TempDir
    Path folder;

    private final GuestMemory memory = Guests.memory(Guests.RAM_SIZE);

    @BeforeEach
    void dirtyMemory() {
        memory.slice(0, Guests.RAM_SIZE).fill((byte) 0xA5);
    }

    @Test
    void clearsWhatTheFileDoesNotFill_whenElfIsLoaded() {
        builder(ElfBuilder.kernel(CONTENT).build()).build().load(memory);

        assertThat(memory.read(ElfBuilder.ENTRY, CONTENT.length)).isEqualTo(CONTENT);
        assertThat(memory.read(ElfBuilder.ENTRY + CONTENT.length, 0x3000)).containsOnly(0);
        assertThat(memory.getByte(ElfBuilder.ENTRY + CONTENT.length + 0x3000)).isEqualTo(0xA5);
    }

    @Test
    void entersIn64BitMode_whenProtocolIsLinux64() {
        BootState start = builder(ElfBuilder.kernel(CONTENT).build()).build().load(memory);

        assertThat(start.registers().rip()).isEqualTo(ElfBuilder.ENTRY);
        assertThat(start.registers().rsi()).isEqualTo(BootLayout.ZERO_PAGE);
        assertThat(start.registers().rsp()).isEqualTo(0x8FF0);
        assertThat(start.registers().rflags()).isEqualTo(2);
        SpecialRegisters special = start.special().apply(Guests.resetState());
        assertThat(special.cr0()).isEqualTo(0x8000_0011L);
        assertThat(special.cr3()).isEqualTo(BootLayout.PAGE_TABLES);
        assertThat(special.cr4()).isEqualTo(0x20);
        assertThat(special.efer()).isEqualTo(0x500);
        assertThat(special.cs().selector()).isEqualTo(0x10);
        assertThat(special.cs().longMode()).isTrue();
        assertThat(special.ds().selector()).isEqualTo(0x18);
        assertThat(special.gdt()).isEqualTo(new DescriptorTable(BootLayout.GDT, 47));
        assertThat(special.apicBase()).isEqualTo(0xFEE0_0900L);
    }

    @Test
    void fillsTheZeroPage_whenKernelIsAnElfFile() {
        builder(ElfBuilder.kernel(CONTENT).build())
                .cmdline("quiet")
                .acpi(AcpiConfig.of(1))
                .build()
                .load(memory);

        assertThat(memory.getShort(BootLayout.ZERO_PAGE + 0x1FE)).isEqualTo(0xAA55);
        assertThat(memory.getInt(BootLayout.ZERO_PAGE + 0x202)).isEqualTo(0x5372_6448);
        assertThat(memory.getByte(BootLayout.ZERO_PAGE + 0x210)).isEqualTo(0xFF);
        assertThat(memory.getInt(BootLayout.ZERO_PAGE + 0x228)).isEqualTo(0x2_0000);
        assertThat(memory.read(0x2_0000, 6)).containsExactly('q', 'u', 'i', 'e', 't', 0);
        assertThat(memory.getLong(BootLayout.ZERO_PAGE + 0x070)).isEqualTo(0xE_0000);
        assertThat(memory.read(0xE_0000, 8)).asString().isEqualTo("RSD PTR ");
        assertThat(memory.getByte(BootLayout.ZERO_PAGE + 0x1EF)).as("sentinel").isZero();
    }

    @Test
    void describesMemory_inTheZeroPage() {
        builder(ElfBuilder.kernel(CONTENT).build()).build().load(memory);

        assertThat(memory.getByte(BootLayout.ZERO_PAGE + 0x1E8)).isEqualTo(4);
        long last = BootLayout.ZERO_PAGE + 0x2D0 + 3 * 20;
        assertThat(memory.getLong(last)).isEqualTo(0x10_0000);
        assertThat(memory.getLong(last + 8)).isEqualTo(Guests.RAM_SIZE - 0x10_0000);
        assertThat(memory.getInt(last + 16)).isEqualTo(1);
    }

    @Test
    void handsOverTheSetupHeader_whenKernelIsABzImage() {
        byte[] image = BzImageBuilder.of(ElfBuilder.kernel(CONTENT).build(), Compression.LZ4)
                .build();

        builder(image).build().load(memory);

        byte[] header = Arrays.copyOfRange(image, 0x211, 0x218);
        assertThat(memory.read(BootLayout.ZERO_PAGE + 0x211, header.length)).isEqualTo(header);
        assertThat(memory.getLong(BootLayout.ZERO_PAGE + 0x258)).isEqualTo(ElfBuilder.ENTRY);
        assertThat(memory.getByte(BootLayout.ZERO_PAGE + 0x210)).isEqualTo(0xFF);
    }

    @Test
    void startsTheSame_whenABzImageIsWrittenAsVmlinux() {
        byte[] elf = ElfBuilder.kernel(CONTENT).pvh().build();
        Path vmlinux = folder.resolve("vmlinux");
        open(BzImageBuilder.of(elf, Compression.LZ4).build()).writeVmlinux(vmlinux);

        BootPlan plan = BootPlan.builder(KernelImage.open(vmlinux), BootLayout.memoryMap(Guests.RAM_SIZE))
                .build();
        plan.load(memory);

        assertThat(plan.entry()).isEqualTo(ElfBuilder.PVH_ENTRY);
        assertThat(memory.read(ElfBuilder.ENTRY, CONTENT.length)).isEqualTo(CONTENT);
    }

    @Test
    void entersTheBzImage_whenGuestUnpacks() {
        byte[] image = BzImageBuilder.of(ElfBuilder.kernel(CONTENT).build(), Compression.LZ4)
                .build();

        BootState start = builder(image).unpacking(Unpacking.GUEST).build().load(memory);

        assertThat(start.registers().rip()).isEqualTo(0x100_0200);
        byte[] code = Arrays.copyOfRange(image, 5 * 512, image.length);
        assertThat(memory.read(0x100_0000, code.length)).isEqualTo(code);
    }

    @Test
    void entersIn32BitMode_whenElfHasAPvhEntry() {
        BootState start =
                builder(ElfBuilder.kernel(CONTENT).pvh().build()).build().load(memory);

        assertThat(start.registers().rip()).isEqualTo(ElfBuilder.PVH_ENTRY);
        assertThat(start.registers().rsp()).as("a small stack").isEqualTo(0x8FF0);
        assertThat(start.registers().rbx()).isEqualTo(BootLayout.PVH_START_INFO);
        SpecialRegisters special = start.special().apply(Guests.resetState());
        assertThat(special.cr0()).isEqualTo(0x11);
        assertThat(special.cr4()).isZero();
        assertThat(special.efer()).isZero();
        assertThat(special.cs().db()).isTrue();
        assertThat(special.cs().limit()).isEqualTo(0xFFFF_FFFF);
        assertThat(special.tr().limit()).isEqualTo(0x67);
    }

    @Test
    void fillsTheStartInfo_whenProtocolIsPvh() {
        builder(ElfBuilder.kernel(CONTENT).pvh().build())
                .cmdline("quiet")
                .initrd(Initrd.of(CONTENT))
                .acpi(AcpiConfig.of(1))
                .build()
                .load(memory);

        assertThat(memory.getInt(BootLayout.PVH_START_INFO)).isEqualTo(0x336E_C578);
        assertThat(memory.getInt(BootLayout.PVH_START_INFO + 4)).isEqualTo(1);
        assertThat(memory.getInt(BootLayout.PVH_START_INFO + 12)).as("modules").isEqualTo(1);
        assertThat(memory.getLong(BootLayout.PVH_START_INFO + 16)).isEqualTo(MODULE);
        assertThat(memory.getLong(BootLayout.PVH_START_INFO + 24)).isEqualTo(BootLayout.CMDLINE);
        assertThat(memory.getLong(BootLayout.PVH_START_INFO + 32)).isEqualTo(BootLayout.ACPI_TABLES);
        assertThat(memory.getLong(BootLayout.PVH_START_INFO + 40)).isEqualTo(MEMMAP);
        assertThat(memory.getInt(BootLayout.PVH_START_INFO + 48)).isEqualTo(4);
        assertThat(memory.getLong(MODULE + 8)).isEqualTo(CONTENT.length);
        assertThat(memory.read(memory.getLong(MODULE), CONTENT.length)).isEqualTo(CONTENT);
    }

    @Test
    void obeys_whenLinux64IsForcedThoughThereIsAPvhEntry() {
        BootPlan plan = builder(ElfBuilder.kernel(CONTENT).pvh().build())
                .protocol(BootProtocol.LINUX64)
                .build();

        assertThat(plan.protocol()).isEqualTo(BootProtocol.LINUX64);
        assertThat(plan.entry()).isEqualTo(ElfBuilder.ENTRY);
    }

    @Test
    void placesTheInitrdAtTheEndOfRam_whenItFits() {
        BootPlan plan = builder(ElfBuilder.kernel(CONTENT).build())
                .initrd(Initrd.of(CONTENT))
                .build();
        plan.load(memory);

        assertThat(plan.initrdAddress()).isEqualTo(Guests.RAM_SIZE - 0x3000);
        assertThat(memory.getInt(BootLayout.ZERO_PAGE + 0x218)).isEqualTo((int) plan.initrdAddress());
        assertThat(memory.getInt(BootLayout.ZERO_PAGE + 0x21C)).isEqualTo(CONTENT.length);
        assertThat(memory.read(plan.initrdAddress(), CONTENT.length)).isEqualTo(CONTENT);
    }

    @Test
    void placesTheInitrdBelow2GiB_whenThereIsMuchRam() {
        KernelImage kernel = open(ElfBuilder.kernel(CONTENT).build());

        BootPlan plan = BootPlan.builder(kernel, BootLayout.memoryMap(8L << 30))
                .initrd(Initrd.of(CONTENT))
                .build();

        assertThat(plan.initrdAddress()).isEqualTo(0x8000_0000L - 0x3000);
    }

    @Test
    void readsTheInitrdFromItsFile() {
        builder(ElfBuilder.kernel(CONTENT).build())
                .initrd(Initrd.open(Guests.file(folder, CONTENT)))
                .build()
                .load(memory);

        assertThat(memory.read(Guests.RAM_SIZE - 0x3000, CONTENT.length)).isEqualTo(CONTENT);
    }

    @Test
    void refuses_whenInitrdDoesNotFit() {
        BootPlan.Builder builder = builder(ElfBuilder.kernel(CONTENT).build()).initrd(Initrd.of(new byte[50 << 20]));

        refusal(
                builder,
                "initrd: expected an initrd that fits between the kernel's end 0x1005345 and 0x4000000, which is "
                        + "50310331 bytes, found one of 52428800 bytes; give the guest more memory");
    }

    @Test
    void refuses_whenInitrdIsMissing() {
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> Initrd.open(folder.resolve("none")))
                .withMessage("%s: expected an initrd, found no such file".formatted(folder.resolve("none")));
    }

    @Test
    void refuses_whenCommandLineIsLongerThanTheHeaderSays() {
        byte[] image = BzImageBuilder.of(ElfBuilder.kernel(CONTENT).build(), Compression.GZIP)
                .cmdlineSize(255)
                .build();

        refusal(builder(image).cmdline("x".repeat(256)), "cmdline: expected at most 255 characters");
    }

    @Test
    void refuses_whenSegmentIsOutsideRam() {
        refusal(
                builder(new ElfBuilder()
                        .segment(0x3FF_F000, CONTENT, CONTENT.length)
                        .entry(0x3FF_F000)
                        .build()),
                "expected an ELF segment in the guest's RAM, which ends at 0x4000000, found it at [0x3fff000, 0x4001345)");
    }

    @Test
    void refuses_whenSegmentIsBelow1MiB() {
        refusal(
                builder(new ElfBuilder()
                        .segment(0x7000, CONTENT, CONTENT.length)
                        .entry(0x7000)
                        .build()),
                "expected an ELF segment at 0x100000 or above, found it at [0x7000, 0x9345)");
    }

    @Test
    void refuses_whenEntryIsOutsideTheSegments() {
        refusal(
                builder(ElfBuilder.kernel(CONTENT).entry(0xFFFF_FFFF_8100_0000L).build()),
                "expected an entry point in one of the kernel's segments, found entry point 0xffffffff81000000");
    }

    @Test
    void writesTheMpTable_whenThereIsOne() {
        builder(ElfBuilder.kernel(CONTENT).build())
                .mpTable(new MpTable(2, 2))
                .build()
                .load(memory);

        assertThat(memory.read(BootLayout.MP_TABLE, 4)).asString().isEqualTo("_MP_");
    }

    @Test
    void refuses_whenFileShrinksAfterItWasOpened() throws IOException {
        Path file = Guests.file(folder, ElfBuilder.kernel(CONTENT).build());
        BootPlan plan = BootPlan.builder(KernelImage.open(file), BootLayout.memoryMap(Guests.RAM_SIZE))
                .build();
        Files.write(file, new byte[0x1800]);

        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> plan.load(memory))
                .withMessageContaining("the image is cut short");
    }

    private static void refusal(BootPlan.Builder builder, String message) {
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(builder::build)
                .withMessageContaining(message);
    }

    private BootPlan.Builder builder(byte[] image) {
        return BootPlan.builder(open(image), BootLayout.memoryMap(Guests.RAM_SIZE));
    }

    private KernelImage open(byte[] image) {
        return KernelImage.open(Guests.file(folder, image));
    }
}
