package dev.microvm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.image.BzImageBuilder;
import dev.microvm.boot.image.Compression;
import dev.microvm.boot.image.ElfBuilder;
import dev.microvm.boot.tables.AcpiConfig;
import dev.microvm.boot.tables.E820Map;
import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FirmwarePlanTest {
    private static final int MIB = 1 << 20;
    private static final byte[] CONTENT = Guests.content(0x2345);
    private static final byte[] ROM = Guests.content(256 << 10);
    private static final CommandLine CMDLINE = CommandLine.of("quiet");

    @TempDir
    Path folder;

    @Test
    void putsTheRomBelow4GiB_andItsEndBelow1MiB() {
        GuestMemory memory = memory(ROM.length);
        FirmwarePlan plan = builder().build();

        plan.load(memory);

        assertThat(plan.romSize()).isEqualTo(256 << 10);
        assertThat(memory.read(0xFFFC_0000L, ROM.length)).isEqualTo(ROM);
        assertThat(memory.read(0xE_0000, 128 << 10)).isEqualTo(Arrays.copyOfRange(ROM, 128 << 10, 256 << 10));
        assertThat(memory.getByte(0xD_FFFF)).isZero();
    }

    @Test
    void putsAllOfASmallRomBelow1MiB() {
        GuestMemory memory = memory(4096);
        byte[] rom = Guests.content(4096);

        FirmwarePlan.builder(FirmwareImage.open(Guests.file(folder, rom)), map())
                .build()
                .load(memory);

        assertThat(memory.read(0xFFFF_F000L, 4096)).isEqualTo(rom);
        assertThat(memory.read(0xF_F000, 4096)).isEqualTo(rom);
    }

    @Test
    void startsAtTheResetVector() {
        BootState start = builder().build().load(memory(ROM.length));

        SpecialRegisters special = start.special().apply(protectedMode());
        assertThat(special.cs().base() + start.registers().rip()).isEqualTo(0xFFFF_FFF0L);
        assertThat(special.cs().selector()).isEqualTo(0xF000);
        assertThat(special.ss()).isEqualTo(SegmentRegister.realMode(0, SegmentRegister.TYPE_DATA));
        assertThat(special.cr0()).isEqualTo(0x6000_0010);
        assertThat(start.registers().rflags()).isEqualTo(2);
    }

    @Test
    void dividesABzImage_andFillsInItsHeader() {
        byte[] image = BzImageBuilder.ofPayload(CONTENT).build();
        byte[] initrd = new byte[0x3001];

        FirmwareKernel kernel = kernel(image, Initrd.of(initrd));

        ByteBuffer setup = ByteBuffer.wrap(kernel.setup()).order(ByteOrder.LITTLE_ENDIAN);
        long initrdAddress = 63 * MIB - 0x4000;
        assertThat(kernel.setupAddress()).hasValue(0x1_0000);
        assertThat(setup.capacity()).isEqualTo(5 * 512);
        assertThat(setup.getInt(0x202)).isEqualTo(0x5372_6448);
        assertThat(setup.get(0x210)).as("type_of_loader").isEqualTo((byte) 0xFF);
        assertThat(setup.get(0x211)).as("loadflags").isEqualTo((byte) 0x81);
        assertThat(setup.getShort(0x224)).as("heap_end_ptr").isEqualTo((short) 0xFE00);
        assertThat(setup.getInt(0x228)).as("cmd_line_ptr").isEqualTo(0x2_0000);
        assertThat(setup.getInt(0x218)).as("ramdisk_image").isEqualTo((int) initrdAddress);
        assertThat(setup.getInt(0x21C)).as("ramdisk_size").isEqualTo(0x3001);
        assertThat(kernel.address()).isEqualTo(0x10_0000);
        assertThat(dataOf(kernel)).isEqualTo(Arrays.copyOfRange(image, 5 * 512, image.length));
        assertThat(kernel.size()).isEqualTo(image.length - 5 * 512);
        assertThat(kernel.entry()).isEmpty();
        assertThat(kernel.cmdline().bytes()).containsExactly('q', 'u', 'i', 'e', 't', 0);
        assertThat(kernel.initrdAddress()).isEqualTo(initrdAddress);
    }

    @Test
    void leavesABzImageToTheFirmware() {
        GuestMemory memory = memory(ROM.length);

        builder()
                .kernel(open(BzImageBuilder.ofPayload(CONTENT).build()), CMDLINE, null)
                .build()
                .load(memory);

        assertThat(memory.slice(MIB, 63L * MIB).toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
    }

    @Test
    void loadsAnElfFile_andNamesItsPvhEntry() {
        GuestMemory memory = memory(ROM.length);
        byte[] elf = ElfBuilder.kernel(CONTENT).pvh().build();
        FirmwarePlan plan = builder().kernel(open(elf), CMDLINE, null).build();

        plan.load(memory);

        FirmwareKernel kernel = plan.kernel().orElseThrow();
        assertThat(memory.read(ElfBuilder.ENTRY, CONTENT.length)).isEqualTo(CONTENT);
        assertThat(kernel.entry()).hasValue(ElfBuilder.PVH_ENTRY);
        assertThat(kernel.address()).isEqualTo(ElfBuilder.ENTRY);
        assertThat(kernel.size()).isEqualTo(CONTENT.length + 0x3000);
        assertThat(kernel.setup()).isEqualTo(Arrays.copyOf(elf, 8192));
        assertThat(kernel.setupAddress()).isEmpty();
        assertThat(kernel.hasData()).isFalse();
    }

    @Test
    void showsTheStartOfAnElfFile_whenTheFileIsCompressed() {
        byte[] elf = ElfBuilder.kernel(CONTENT).pvh().build();

        FirmwarePlan plan = builder()
                .kernel(open(BzImageBuilder.compress(elf, Compression.GZIP)), CMDLINE, null)
                .build();

        assertThat(plan.kernel().orElseThrow().setup()).isEqualTo(Arrays.copyOf(elf, 8192));
    }

    @Test
    void readsAnInitrdPieceByPiece() throws Exception {
        FirmwareKernel kernel = kernel(
                BzImageBuilder.ofPayload(CONTENT).build(), Initrd.open(Guests.file(folder, Guests.content(10_000))));
        byte[] piece = new byte[3000];

        kernel.initrd().orElseThrow().read(7000, MemorySegment.ofArray(piece));

        assertThat(piece).isEqualTo(Arrays.copyOfRange(Guests.content(10_000), 7000, 10_000));
    }

    @Test
    void hasTablesAndOptionRoms_asGiven() {
        byte[] rom = new byte[1024];
        rom[0] = 0x55;
        rom[1] = (byte) 0xAA;
        rom[2] = 2;
        OptionRom optionRom = OptionRom.open(Guests.file(folder, rom));

        FirmwarePlan plan =
                builder().acpi(AcpiConfig.of(1)).optionRom(optionRom).build();

        assertThat(plan.acpi()).isPresent();
        assertThat(plan.kernel()).isEmpty();
        assertThat(plan.optionRoms()).containsExactly(optionRom);
        assertThat(optionRom.bytes()).isEqualTo(rom);
    }

    @Test
    void mapsAllRam_butNotTheGapBelow4GiB() {
        assertThat(BootLayout.firmwareMemoryMap(64L * MIB).entries())
                .containsExactly(new E820Map.Entry(0, 64L * MIB, E820Map.Type.RAM));
        assertThat(BootLayout.firmwareMemoryMap(4096L * MIB).entries())
                .containsExactly(
                        new E820Map.Entry(0, 0xC000_0000L, E820Map.Type.RAM),
                        new E820Map.Entry(0x1_0000_0000L, 0x4000_0000L, E820Map.Type.RAM));
    }

    @Test
    void refuses_whenAnElfFileHasNoPvhEntry() {
        refusal(ElfBuilder.kernel(CONTENT).build(), "quiet", "found neither; start it without firmware");
    }

    @Test
    void refuses_whenTheKernelDoesNotFit() {
        refusal(
                BzImageBuilder.ofPayload(CONTENT).initSize(64 * MIB).build(),
                "quiet",
                "expected the kernel in the guest's RAM, which ends at 0x4000000");
    }

    @Test
    void refuses_whenTheCommandLineIsTooLong() {
        refusal(
                BzImageBuilder.ofPayload(CONTENT).cmdlineSize(10).build(),
                "x".repeat(11),
                "cmdline: expected at most 10 characters");
    }

    private FirmwareKernel kernel(byte[] image, Initrd initrd) {
        return builder().kernel(open(image), CMDLINE, initrd).build().kernel().orElseThrow();
    }

    private void refusal(byte[] image, String cmdline, String message) {
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> builder().kernel(open(image), CommandLine.of(cmdline), null))
                .withMessageContaining(message);
    }

    private FirmwarePlan.Builder builder() {
        return FirmwarePlan.builder(FirmwareImage.open(Guests.file(folder, ROM)), map());
    }

    private KernelImage open(byte[] image) {
        return KernelImage.open(Guests.file(folder, image));
    }

    private static E820Map map() {
        return BootLayout.firmwareMemoryMap(Guests.RAM_SIZE);
    }

    private static GuestMemory memory(long romSize) {
        return new GuestMemory(List.of(
                Guests.memory(Guests.RAM_SIZE).regions().getFirst(),
                new GuestMemoryRegion((1L << 32) - romSize, Arena.ofAuto().allocate(romSize, 4096), true)));
    }

    /** A state that differs from a CPU's after a reset. */
    private static SpecialRegisters protectedMode() {
        SegmentRegister code = SegmentRegister.flat32(8, SegmentRegister.TYPE_CODE);
        SegmentRegister data = SegmentRegister.flat32(16, SegmentRegister.TYPE_DATA);
        SegmentRegister task = SegmentRegister.systemSegment(0, SegmentRegister.TYPE_TSS_BUSY, 0, 0xFFFF);
        SegmentRegister local = SegmentRegister.systemSegment(0, SegmentRegister.TYPE_LDT, 0, 0xFFFF);
        DescriptorTable table = new DescriptorTable(0, 0xFFFF);
        return new SpecialRegisters(
                code, data, data, data, data, data, task, local, table, table, 0x11, 0, 0, 0, 0, 0, 0xFEE0_0900L);
    }

    private static byte[] dataOf(FirmwareKernel kernel) {
        byte[] data = new byte[(int) kernel.size()];
        try {
            kernel.readData(0, MemorySegment.ofArray(data));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return data;
    }
}
