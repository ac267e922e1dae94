package dev.microvm.testing;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.memory.GuestRam;
import dev.microvm.memory.RamBacking;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Tests of {@link VirtualMachine#ram} for every hypervisor. The tests of each implementation extend
 * it.
 */
@Timeout(60)
public abstract class RamContract {
    private static final long MIB = 1 << 20;
    private static final long GIB = 1 << 30;
    private static final long FOUR_GIB = 4 * GIB;
    private static final long CODE = 0x3000;
    private static final long DATA = 0x2000;
    private static final int VALUE = 0x5a;
    private static final byte[] STORES_VALUE = HexFormat.of()
            .parseHex(
                    "" //
                            + "b85a000000" // mov $0x5a, %eax
                            + "a300200000" // mov %eax, 0x2000
                            + "e6f4"); // out %al, $0xf4

    /** Names that hypervisors give to RAM, in /proc/self/maps and /proc/self/fd. */
    private static final Pattern NAME = Pattern.compile("microvm-\\w+-(ram|\\d+\\.ram)");

    /** A kind of backing, made from a file of the RAM's size. */
    record Kind(String name, Function<Path, RamBacking> of) {
        @Override
        public String toString() {
            return name;
        }
    }

    static List<Kind> kinds() {
        return List.of(
                new Kind("anonymous", file -> RamBacking.anonymous()),
                new Kind("shared", file -> RamBacking.shared()),
                new Kind("forkable", file -> RamBacking.forkable()),
                new Kind("private", RamBacking::privateOf));
    }

    @TempDir
    Path folder;

    /** Returns the implementation under test. */
    protected abstract Hypervisor hypervisor();

    private VirtualMachine machine() {
        return hypervisor().createVm("ram", InterruptMode.SPLIT);
    }

    /**
     * Makes a guest that will run the code at {@link #CODE}, where the test puts
     * {@link #STORES_VALUE}.
     */
    private TinyGuest guest(RamBacking backing) {
        TinyGuest guest = new TinyGuest(hypervisor(), InterruptMode.SPLIT, "spin", backing).startProtected();
        guest.vcpu().registers(guest.vcpu().registers().withRip(CODE));
        return guest;
    }

    private Path file(long size) throws IOException {
        Path file = folder.resolve("content");
        try (RandomAccessFile made = new RandomAccessFile(file.toFile(), "rw")) {
            made.setLength(size); // sparse
        }
        return file;
    }

    private Path fileWithCode() throws IOException {
        byte[] content = new byte[(int) TinyGuest.MEMORY_SIZE];
        System.arraycopy(STORES_VALUE, 0, content, (int) CODE, STORES_VALUE.length);
        content[(int) DATA] = 7;
        return Files.write(folder.resolve("content"), content);
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void isZeroedAlignedAndWritable(Kind kind) throws IOException {
        try (VirtualMachine vm = machine()) {
            GuestRam ram = vm.ram(kind.of().apply(file(2 * MIB)), 2 * MIB);

            assertThat(ram.size()).isEqualTo(2 * MIB);
            assertThat(ram.segment().address() % GuestMemoryRegion.PAGE_SIZE).isZero();
            assertThat(ram.segment().mismatch(MemorySegment.ofArray(new byte[(int) (2 * MIB)])))
                    .isEqualTo(-1);
            ram.segment().set(JAVA_LONG, 2 * MIB - 8, -1);
            assertThat(ram.segment().get(JAVA_LONG, 2 * MIB - 8)).isEqualTo(-1);
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void takesMemoryOnlyAsItIsTouched(Kind kind) throws IOException {
        try (VirtualMachine vm = machine()) {
            Path file = file(GIB);
            long before = residentBytes();
            GuestRam ram = vm.ram(kind.of().apply(file), GIB);
            ram.segment().set(JAVA_BYTE, GIB - 1, (byte) 1);

            assertThat(residentBytes() - before).as("resident").isLessThan(GIB / 4);
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void isFreed_whenTheMachineIsClosed(Kind kind) throws IOException {
        Path file = file(MIB);
        List<String> before = held();
        VirtualMachine vm = machine();
        GuestRam ram = vm.ram(kind.of().apply(file), MIB);

        vm.close();

        assertThatIllegalStateException().isThrownBy(() -> ram.segment().get(JAVA_BYTE, 0));
        assertThat(held()).isEqualTo(before);
        assertThat(ram.sharedFile().filter(Files::exists)).isEmpty();
    }

    @Test
    void liesAtConsecutiveOffsets_whateverTheRegions() {
        try (VirtualMachine vm = machine()) {
            GuestRam ram = vm.ram(RamBacking.anonymous(), 3 * MIB);
            GuestMemoryRegion low = ram.region(0, 0, 2 * MIB);
            GuestMemoryRegion high = ram.region(FOUR_GIB, 2 * MIB, MIB);
            vm.map(0, low);
            vm.map(1, high);

            assertThat(ram.offsetOf(low)).isZero();
            assertThat(ram.offsetOf(high)).isEqualTo(2 * MIB);
            assertThat(high.end()).isEqualTo(FOUR_GIB + MIB);
        }
    }

    @Test
    void showsGuestWrites_inTheSharedFile() throws IOException {
        try (TinyGuest guest = guest(RamBacking.shared());
                Arena arena = Arena.ofConfined();
                FileChannel file = FileChannel.open(guest.ram().sharedFile().orElseThrow(), READ, WRITE)) {
            MemorySegment view = file.map(MapMode.READ_WRITE, 0, TinyGuest.MEMORY_SIZE, arena);
            assertThat(file.size()).isEqualTo(TinyGuest.MEMORY_SIZE);
            MemorySegment.copy(STORES_VALUE, 0, view, JAVA_BYTE, CODE, STORES_VALUE.length);

            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);

            assertThat(held()).as("mappings and descriptors of RAM").isNotEmpty();
            assertThat(view.get(JAVA_BYTE, DATA)).isEqualTo((byte) VALUE);
        }
    }

    @Test
    void hasNoSharedFile_whenItIsNotShared() throws IOException {
        Path file = fileWithCode();
        try (TinyGuest anonymous = guest(RamBacking.anonymous());
                TinyGuest copy = guest(RamBacking.privateOf(file))) {
            assertThat(anonymous.ram().sharedFile()).isEmpty();
            assertThat(copy.ram().sharedFile()).isEmpty();
        }
    }

    @Test
    void startsWithTheFile_andNeverWritesToIt() throws IOException {
        Path file = fileWithCode();
        byte[] before = Files.readAllBytes(file);
        try (TinyGuest first = guest(RamBacking.privateOf(file));
                TinyGuest second = guest(RamBacking.privateOf(file))) {
            assertThat(first.memory().getByte(DATA)).isEqualTo(7);

            assertThat(first.run()).isEqualTo(VcpuExit.KICKED);

            assertThat(first.memory().getByte(DATA)).isEqualTo(VALUE);
            assertThat(second.memory().getByte(DATA)).isEqualTo(7);
        }
        assertThat(Arrays.equals(before, Files.readAllBytes(file))).isTrue();
    }

    @Test
    void startsWithAFile_thatIsReadOnly() throws IOException {
        Path file = fileWithCode();
        assertThat(file.toFile().setReadOnly()).isTrue();
        try (TinyGuest guest = guest(RamBacking.privateOf(file))) {
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            assertThat(guest.memory().getByte(DATA)).isEqualTo(VALUE);
        }
    }

    @Test
    void namesTheProblem_whenAFileCannotBackTheRam() throws IOException {
        Path file = file(MIB);
        try (VirtualMachine vm = machine()) {
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> vm.ram(RamBacking.privateOf(file), 2 * MIB))
                    .withMessage(
                            "ram: privateOf(%s): has 1048576 bytes, but the RAM has 2097152: set the memory size to the size of the file",
                            file);
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> vm.ram(RamBacking.privateOf(folder.resolve("none")), MIB))
                    .withMessageContaining("no such file");
        }
    }

    private static long residentBytes() throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
            String line =
                    lines.filter(each -> each.startsWith("VmRSS:")).findFirst().orElseThrow();
            return Long.parseLong(line.replaceAll("\\D", "")) << 10;
        }
    }

    /** Returns the mappings and descriptors of RAM in this process, by name. */
    private List<String> held() throws IOException {
        try (Stream<String> mappings = Files.lines(Path.of("/proc/self/maps"));
                Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            return Stream.concat(mappings, descriptors.map(RamContract::target))
                    .filter(each -> NAME.matcher(each).find() || each.contains(folder.toString()))
                    .toList();
        }
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) {
            return ""; // closed meanwhile
        }
    }
}
