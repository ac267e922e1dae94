package dev.microvm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.image.BzImageBuilder;
import dev.microvm.boot.image.Compression;
import dev.microvm.boot.image.ElfBuilder;
import dev.microvm.boot.image.MultibootBuilder;
import dev.microvm.boot.tables.AcpiConfig;
import dev.microvm.boot.tables.MpTable;
import dev.microvm.boot.tables.MultibootInfo.Module;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.memory.GuestMemory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Kernels with a Multiboot header: which ones are started by it, what they find, and what is
 * refused.
 */
class MultibootPlanTest {
    private static final byte[] CONTENT = Guests.content(0x3210);
    private static final byte[] MODULE = Guests.content(0x1234);
    private static final int HEADER = 0x80; // where an ELF file's header is in its first segment
    private static final long INFO = BootLayout.MULTIBOOT_INFO;

    /** Shared by all guests: making it takes longer than most tests. */
    private static final GuestMemory MEMORY = Guests.memory(Guests.RAM_SIZE);

    @TempDir
    Path folder;

    @BeforeEach
    void dirtyMemory() {
        MEMORY.slice(0, Guests.RAM_SIZE).fill((byte) 0xA5);
    }

    @Test
    void entersIn32BitMode() {
        BootState start = builder(elf(32)).build().load(MEMORY);

        assertThat(start.registers().rip()).isEqualTo(ElfBuilder.ENTRY);
        assertThat(start.registers().rax()).isEqualTo(0x2BAD_B002);
        assertThat(start.registers().rbx()).isEqualTo(INFO);
        assertThat(start.registers().rsp()).as("behind the information").isEqualTo(0x9_FC00);
        assertThat(start.registers().rflags()).isEqualTo(2);
        SpecialRegisters special = start.special().apply(Guests.resetState());
        assertThat(special.cr0()).as("PE, ET, no PG").isEqualTo(0x11);
        assertThat(special.cr4()).isZero();
        assertThat(special.efer()).isZero();
        for (SegmentRegister segment :
                List.of(special.cs(), special.ds(), special.es(), special.fs(), special.gs(), special.ss())) {
            assertThat(segment.base()).isZero();
            assertThat(segment.limit()).isEqualTo(0xFFFF_FFFF);
            assertThat(segment.db()).isTrue();
            assertThat(segment.longMode()).isFalse();
        }
    }

    /** Small kernels, such as xv6, keep these selectors until they have tables of their own. */
    @Test
    void hasTheSelectorsOfOtherLoaders() {
        BootState start = builder(elf(32)).build().load(MEMORY);

        SpecialRegisters special = start.special().apply(Guests.resetState());
        assertThat(special.cs().selector()).isEqualTo(0x08);
        for (SegmentRegister segment : List.of(special.ds(), special.es(), special.fs(), special.gs(), special.ss())) {
            assertThat(segment.selector()).isEqualTo(0x10);
        }
        assertThat(special.tr().selector()).isEqualTo(0x18);
        long table = special.gdt().base();
        assertThat(MEMORY.getLong(table + 0x08)).as("code").isEqualTo(0x00CF_9B00_0000_FFFFL);
        assertThat(MEMORY.getLong(table + 0x10)).as("data").isEqualTo(0x00CF_9300_0000_FFFFL);
    }

    @ParameterizedTest
    @ValueSource(ints = {32, 64})
    void loadsAnElfFile_andEntersItByItsPhysicalAddress(int bits) {
        byte[] content = MultibootBuilder.header(CONTENT, HEADER, 0x3);
        byte[] elf = new ElfBuilder()
                .bits(bits)
                .segment(0xC020_0000L, 0x20_0000, content, 0x8000)
                .entry(0xC020_0100L)
                .build();

        BootPlan plan = builder(elf).build();
        plan.load(MEMORY);

        assertThat(plan.protocol()).isEqualTo(BootProtocol.MULTIBOOT);
        assertThat(plan.entry()).isEqualTo(0x20_0100);
        assertThat(MEMORY.read(0x20_0000, content.length)).isEqualTo(content);
        assertThat(MEMORY.read(0x20_0000 + content.length, 0x8000 - content.length))
                .containsOnly(0);
        assertThat(MEMORY.getByte(0x20_8000)).isEqualTo(0xA5);
    }

    @Test
    void loadsAFlatKernel_whereItsHeaderSays() {
        byte[] kernel = MultibootBuilder.flat(CONTENT)
                .loadEnd(0x10_3000)
                .bssEnd(0x10_5000)
                .build();

        BootPlan plan = builder(kernel).build();
        plan.load(MEMORY);

        assertThat(plan.protocol()).isEqualTo(BootProtocol.MULTIBOOT);
        assertThat(plan.entry()).isEqualTo(MultibootBuilder.ENTRY);
        assertThat(MEMORY.read(0x10_0000, 0x3000)).isEqualTo(Arrays.copyOf(kernel, 0x3000));
        assertThat(MEMORY.read(0x10_3000, 0x2000)).containsOnly(0);
        assertThat(MEMORY.getByte(0x10_5000)).isEqualTo(0xA5);
    }

    @Test
    void loadsAFlatKernelBelow1MiB() {
        byte[] kernel = MultibootBuilder.flat(CONTENT).at(0x1_0000).build();

        builder(kernel).cmdline("quiet").build().load(MEMORY);

        assertThat(MEMORY.read(0x1_0000, kernel.length)).isEqualTo(kernel);
    }

    @Test
    void usesTheHeadersAddresses_evenIfTheFileIsElf() {
        byte[] elf = elf(64);
        byte[] header = MultibootBuilder.flat(new byte[0x100])
                .at(0x40_1000)
                .headerAddress(0x40_1000 + HEADER)
                .build();
        System.arraycopy(header, MultibootBuilder.HEADER_OFFSET, elf, 0x1000 + HEADER, 32);

        BootPlan plan = builder(elf).build();
        plan.load(MEMORY);

        assertThat(plan.kernelStart()).isEqualTo(0x40_1000);
        assertThat(MEMORY.read(0x40_1000, CONTENT.length))
                .isEqualTo(Arrays.copyOfRange(elf, elf.length - CONTENT.length, elf.length));
    }

    @Test
    void loadsKernelsCompressedByGzip() {
        byte[] content = MultibootBuilder.header(CONTENT, HEADER, 0x3);
        builder(BzImageBuilder.compress(elf(32), Compression.GZIP)).build().load(MEMORY);
        assertThat(MEMORY.read(ElfBuilder.ENTRY, content.length)).isEqualTo(content);

        byte[] flat = MultibootBuilder.flat(CONTENT).loadEnd(0x10_2000).build();
        builder(BzImageBuilder.compress(flat, Compression.GZIP)).build().load(MEMORY);
        assertThat(MEMORY.read(0x10_0000, 0x2000)).isEqualTo(Arrays.copyOf(flat, 0x2000));
    }

    @Test
    void handsOverCommandLineModulesAndMemory() {
        BootPlan plan = builder(elf(32))
                .cmdline("kernel verbose")
                .module(BootModule.of(MODULE, "first a=b"))
                .module(BootModule.open(Guests.file(folder, CONTENT), ""))
                .build();
        plan.load(MEMORY);

        assertThat(text(MEMORY.getInt(INFO + 16))).isEqualTo("kernel verbose");
        assertThat(MEMORY.getInt(INFO + 20)).isEqualTo(2);
        long list = MEMORY.getInt(INFO + 24);
        assertThat(MEMORY.read(MEMORY.getInt(list), MODULE.length)).isEqualTo(MODULE);
        assertThat(MEMORY.getInt(list + 4)).isEqualTo(MEMORY.getInt(list) + MODULE.length);
        assertThat(text(MEMORY.getInt(list + 8))).isEqualTo("first a=b");
        assertThat(MEMORY.read(MEMORY.getInt(list + 16), CONTENT.length)).isEqualTo(CONTENT);
        assertThat(text(MEMORY.getInt(list + 24))).isEmpty();
        assertThat(MEMORY.getInt(INFO + 8)).as("mem_upper").isEqualTo((int) (Guests.RAM_SIZE >> 10) - 1024);
    }

    @Test
    void putsTheTablesWhereKernelsLookForThem() {
        builder(elf(32))
                .acpi(AcpiConfig.of(1))
                .mpTable(new MpTable(1, 2))
                .build()
                .load(MEMORY);

        assertThat(MEMORY.read(BootLayout.ACPI_TABLES, 8)).asString().isEqualTo("RSD PTR ");
        assertThat(MEMORY.read(BootLayout.MP_TABLE, 4)).asString().isEqualTo("_MP_");
        assertThat(MEMORY.getShort(0x413)).as("KiB of base memory").isEqualTo(639);
    }

    @Test
    void putsModulesBehindTheKernel_atTheStartOfAPage() {
        BootPlan plan = builder(elf(32))
                .module(BootModule.of(MODULE, "one"))
                .module(BootModule.of(new byte[0], "empty"))
                .module(BootModule.of(new byte[1], "two"))
                .build();

        assertThat(plan.kernelEnd()).isEqualTo(0x100_6210);
        assertThat(plan.modules())
                .containsExactly(
                        new Module(0x100_7000, 0x100_8234, "one"),
                        new Module(0x100_9000, 0x100_9000, "empty"),
                        new Module(0x100_9000, 0x100_9001, "two"));
    }

    /**
     * Modules lie in RAM, at page starts, apart from the kernel, from each other and from what boot
     * writes.
     */
    @Test
    void keepsEverythingApart_whateverTheSizes() {
        Random random = new Random(21);
        for (int round = 0; round < 200; round++) {
            long load = random.nextBoolean() ? 0x1_0000 : 0x10_0000 + random.nextInt(0x100) * 0x1000L;
            byte[] kernel = MultibootBuilder.flat(new byte[0x200 + random.nextInt(0x5000)])
                    .at(load)
                    .build();
            int count = random.nextInt(6);
            BootPlan.Builder builder = builder(kernel).cmdline("x".repeat(random.nextInt(100)));
            byte[][] contents = new byte[count][];
            for (int i = 0; i < count; i++) {
                contents[i] = new byte[random.nextInt(0x4000)];
                random.nextBytes(contents[i]);
                builder.module(BootModule.of(contents[i], "m".repeat(random.nextInt(100))));
            }

            BootPlan plan = builder.build();
            plan.load(MEMORY);

            assertThat(MEMORY.read(load, kernel.length)).isEqualTo(kernel);
            long end = Math.max(plan.kernelEnd(), BootLayout.HIGH_MEMORY);
            for (int i = 0; i < count; i++) {
                Module module = plan.modules().get(i);
                assertThat(module.start()).isGreaterThanOrEqualTo(end);
                assertThat(module.start() % 4096).isZero();
                assertThat(MEMORY.read(module.start(), contents[i].length)).isEqualTo(contents[i]);
                end = module.end();
            }
            assertThat(end).isLessThanOrEqualTo(Guests.RAM_SIZE);
        }
    }

    @Test
    void prefersPvh_whenThereAreNoModules() {
        byte[] elf = pvhAndMultiboot();

        assertThat(builder(elf).build().protocol()).isEqualTo(BootProtocol.PVH);
        assertThat(builder(elf).module(BootModule.of(MODULE, "")).build().protocol())
                .isEqualTo(BootProtocol.MULTIBOOT);
        assertThat(builder(elf).protocol(BootProtocol.MULTIBOOT).build().protocol())
                .isEqualTo(BootProtocol.MULTIBOOT);
    }

    @Test
    void obeys_whenLinux64IsForcedThoughThereIsAHeader() {
        assertThat(builder(elf(64)).protocol(BootProtocol.LINUX64).build().protocol())
                .isEqualTo(BootProtocol.LINUX64);
    }

    @Test
    void refuses_whenMultibootIsForcedWithoutAHeader() {
        refusal(
                builder(ElfBuilder.kernel(CONTENT).build()).protocol(BootProtocol.MULTIBOOT),
                "expected a kernel with a Multiboot header, found none in the first 8192 bytes");
    }

    @Test
    void refuses_whenMultibootIsForcedAndTheChecksumIsBad() {
        byte[] elf = elf(32);
        elf[0x1000 + HEADER + 8]++;

        refusal(
                builder(elf).protocol(BootProtocol.MULTIBOOT),
                "found one at offset 0x1080 with checksum 0xe4524ffc instead of 0xe4524ffb");
    }

    @Test
    void refusesToOpenAFlatFileWithABadChecksum() {
        byte[] kernel = MultibootBuilder.flat(CONTENT).checksumError(-1).build();

        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> open(kernel))
                .withMessageContaining(
                        "; of Multiboot headers, one at offset 0x40 with checksum 0xe4514ffa instead of ");
    }

    @Test
    void refuses_whenMultibootIsForcedOnABzImage() {
        byte[] image = BzImageBuilder.of(ElfBuilder.kernel(CONTENT).build(), Compression.GZIP)
                .build();

        refusal(
                builder(image).protocol(BootProtocol.MULTIBOOT),
                "expected a kernel with a Multiboot header, found none in the first ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"PVH", "LINUX64"})
    void refuses_whenAFlatKernelIsToBeStartedOtherwise(BootProtocol protocol) {
        refusal(
                builder(MultibootBuilder.flat(CONTENT).build()).protocol(protocol),
                "expected an ELF file or a bzImage for %s, found a flat image, which only MULTIBOOT starts"
                        .formatted(protocol));
    }

    @Test
    void refusesToWriteAFlatKernelAsVmlinux() {
        KernelImage kernel = open(MultibootBuilder.flat(CONTENT).build());

        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> kernel.writeVmlinux(folder.resolve("vmlinux")))
                .withMessageContaining("found a flat image");
    }

    @Test
    void refuses_whenTheKernelRequiresAVideoMode() {
        refusal(
                builder(MultibootBuilder.flat(CONTENT)
                        .flags(MultibootBuilder.FLAT | 0x4)
                        .build()),
                "found flags 0x10004: bit 2 requires a video mode, and there is no display");
    }

    @Test
    void refuses_whenModulesAreGivenToAnotherProtocol() {
        refusal(
                builder(ElfBuilder.kernel(CONTENT).pvh().build()).module(BootModule.of(MODULE, "")),
                "module: expected a kernel started by MULTIBOOT, which alone takes modules, "
                        + "found one started by PVH; give it an initrd instead");
    }

    @Test
    void refuses_whenAnInitrdIsGiven() {
        refusal(
                builder(elf(32)).initrd(Initrd.of(MODULE)),
                "initrd: expected a module instead, because the kernel is started by MULTIBOOT, found an initrd");
    }

    @Test
    void refuses_whenAModuleDoesNotFit() {
        refusal(
                builder(elf(32))
                        .module(BootModule.of(MODULE, ""))
                        .module(BootModule.of(new byte[(int) Guests.RAM_SIZE - 0x100_9000 + 1], "")),
                "module 2: expected a module that fits between 0x1009000 and 0x4000000, which is 50294784 bytes, "
                        + "found one of 50294785 bytes; give the guest more memory");
    }

    @Test
    void namesTheFile_whenAModuleDoesNotFit() {
        Path file = Guests.file(folder, new byte[(int) Guests.RAM_SIZE]);

        refusal(builder(elf(32)).module(BootModule.open(file, "")), "module 1, %s: expected a module ".formatted(file));
    }

    @Test
    void fits_whenAModuleFillsTheRestOfRam() {
        BootPlan plan = builder(elf(32))
                .module(BootModule.of(new byte[(int) Guests.RAM_SIZE - 0x100_7000], ""))
                .build();
        plan.load(MEMORY);

        assertThat(MEMORY.getByte(Guests.RAM_SIZE - 1)).isZero();
    }

    @Test
    void refuses_whenAModuleIsMissing() {
        Path nowhere = folder.resolve("none");

        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> BootModule.open(nowhere, ""))
                .withMessage("%s: expected a module, found no such file".formatted(nowhere));
    }

    @Test
    void refuses_whenAModulesCommandLineHasBadCharacters() {
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> BootModule.of(MODULE, "a\nb"))
                .withMessageContaining("found U+000A (newline) at index 1");
    }

    @Test
    void refuses_whenCommandLinesAreTooLongTogether() {
        BootPlan.Builder builder = builder(elf(32));
        IntStream.range(0, 7).forEach(i -> builder.module(BootModule.of(MODULE, "x".repeat(9_300))));

        refusal(
                builder,
                "module: expected modules whose command lines and descriptions have at most 60416 bytes together, "
                        + "found 65440 bytes for 7 modules");
    }

    @ParameterizedTest
    @ValueSource(longs = {0x4FF, 0x500, 0x8_D000, 0x9_0000, 0x9_F000})
    void refuses_whenTheKernelOverlapsWhatItIsStartedWith(long address) {
        refusal(
                builder(MultibootBuilder.flat(CONTENT)
                        .at(address)
                        .loadEnd(address + 0x3200)
                        .build()),
                "expected the kernel outside [0x400, 0x530) and [0x90000, 0x9fc00), found it at [0x%x, 0x%x)"
                        .formatted(address, address + 0x3200));
    }

    @ParameterizedTest
    @ValueSource(longs = {0xA_0000, 0xB_8000, 0xF_0000, 0x3FF_F000, 0x400_0000, 0xFFFF_E000L})
    void refuses_whenTheKernelIsOutsideRam(long address) {
        refusal(
                builder(MultibootBuilder.flat(CONTENT).at(address).build()),
                "expected the kernel in the guest's RAM, which ends at 0x4000000, found it at [0x%x, "
                        .formatted(address));
    }

    @Test
    void refuses_whenAnElfSegmentIsOutsideRam() {
        refusal(
                builder(new ElfBuilder()
                        .bits(32)
                        .segment(0xF000_0000L, MultibootBuilder.header(CONTENT, HEADER, 0), 0x4000)
                        .entry(0xF000_0000L)
                        .build()),
                "expected an ELF segment in the guest's RAM");
    }

    @Test
    void refuses_whenTheEntryIsOutsideTheKernel() {
        refusal(
                builder(MultibootBuilder.flat(CONTENT).entry(0x20_0000).build()),
                "expected an entry point in one of the kernel's segments, found entry point 0x200000");
    }

    /**
     * A kernel with changed bytes either starts differently or is refused, and has no other effect.
     */
    @Test
    void throwsNothingButBootException_whenHeadersAreCorrupt() {
        byte[] flat =
                MultibootBuilder.flat(Guests.content(3_000)).bssEnd(0x10_2000).build();
        byte[] elf = elf(32);
        byte[] gzip = BzImageBuilder.compress(elf, Compression.GZIP);
        Random random = new Random(9);
        for (int round = 0; round < 100; round++) {
            startIgnoringRefusal(corrupt(flat, MultibootBuilder.HEADER_OFFSET, 32, random));
            startIgnoringRefusal(corrupt(elf, 4, 52 + 32, random));
            startIgnoringRefusal(corrupt(elf, 0x1000 + HEADER, 12, random));
            startIgnoringRefusal(corrupt(gzip, 2, gzip.length - 2, random));
        }
    }

    private static byte[] corrupt(byte[] image, int start, int size, Random random) {
        byte[] corrupt = image.clone();
        corrupt[start + random.nextInt(size)] = (byte) random.nextInt(256);
        return corrupt;
    }

    private void startIgnoringRefusal(byte[] image) {
        Path file = Guests.file(folder, image);
        try {
            BootPlan.builder(KernelImage.open(file), BootLayout.memoryMap(Guests.RAM_SIZE))
                    .module(BootModule.of(MODULE, "module"))
                    .build()
                    .load(MEMORY);
        } catch (BootException e) {
            assertThat(e.expected()).isNotEmpty();
        } finally {
            assertThat(file.toFile().delete()).isTrue();
        }
    }

    private static byte[] elf(int bits) {
        return ElfBuilder.kernel(MultibootBuilder.header(CONTENT, HEADER, 0x3))
                .bits(bits)
                .build();
    }

    private static byte[] pvhAndMultiboot() {
        return ElfBuilder.kernel(MultibootBuilder.header(CONTENT, HEADER, 0x3))
                .pvh()
                .build();
    }

    /** Returns the zero-terminated string at {@code address}. */
    private String text(long address) {
        byte[] bytes = MEMORY.read(address, 0x1000);
        int end = IntStream.range(0, bytes.length)
                .filter(i -> bytes[i] == 0)
                .findFirst()
                .orElseThrow();
        return new String(bytes, 0, end, StandardCharsets.US_ASCII);
    }

    private BootPlan.Builder builder(byte[] image) {
        return BootPlan.builder(open(image), BootLayout.memoryMap(Guests.RAM_SIZE));
    }

    private KernelImage open(byte[] image) {
        return KernelImage.open(Guests.file(folder, image));
    }

    private static void refusal(BootPlan.Builder builder, String message) {
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(builder::build)
                .withMessageContaining(message);
    }
}
