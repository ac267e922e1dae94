package dev.microvm.devices.firmware;

import static dev.microvm.devices.firmware.FwCfgRegisters.*;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.bus.Bus;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.DeviceState;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The items of a {@link FwCfg} and its data port; DMA is in {@link FwCfgDmaTest}. */
final class FwCfgTest {
    private static final int FIRST_FILE = FwCfgKeys.FILE_FIRST;

    private final GuestMemory memory =
            new GuestMemory(List.of(new GuestMemoryRegion(0, MemorySegment.ofArray(new byte[0x1000]), false)));
    private final List<byte[]> heard = new ArrayList<>();

    @Test
    void showsSignature_whenNothingWasSelected() {
        FwCfg device = FwCfg.builder().build(memory);

        assertThat(text(read(device, 4))).isEqualTo("QEMU");
    }

    @Test
    void showsSignature_whenSelected() {
        FwCfg device = FwCfg.builder().build(memory);
        select(device, FwCfgKeys.ID);

        select(device, FwCfgKeys.SIGNATURE);

        assertThat(text(read(device, 4))).isEqualTo("QEMU");
    }

    @Test
    void offersDataPortAndDma_inItsFeatures() {
        FwCfg device = FwCfg.builder().build(memory);
        select(device, FwCfgKeys.ID);

        assertThat(read(device, 4)).containsExactly(3, 0, 0, 0);
    }

    @Test
    void showsDmaSignature_inAnyWidth() {
        FwCfg device = FwCfg.builder().build(memory);

        assertThat(Long.reverseBytes(device.read(DMA_ADDRESS_HIGH, 8))).isEqualTo(0x51454d5520434647L);
        assertThat(Integer.reverseBytes((int) device.read(DMA_ADDRESS_HIGH, 4))).isEqualTo(0x51454d55);
        assertThat(Integer.reverseBytes((int) device.read(DMA_ADDRESS_LOW, 4))).isEqualTo(0x20434647);
        assertThat(device.read(REGISTERS_END - 1, 1)).isEqualTo('G');
    }

    @Test
    void holdsNumbersLittleEndian_andStringsWithZeroAtTheEnd() {
        FwCfg device = FwCfg.builder()
                .item(FwCfgKeys.NB_CPUS, FwCfgItem.le16(0x0102))
                .item(FwCfgKeys.KERNEL_ADDR, FwCfgItem.le32(0x01020304))
                .item(FwCfgKeys.RAM_SIZE, FwCfgItem.le64(0x0102030405060708L))
                .item(FwCfgKeys.CMDLINE_DATA, FwCfgItem.string("ro"))
                .build(memory);

        assertThat(item(device, FwCfgKeys.NB_CPUS, 2)).containsExactly(2, 1);
        assertThat(item(device, FwCfgKeys.KERNEL_ADDR, 4)).containsExactly(4, 3, 2, 1);
        assertThat(item(device, FwCfgKeys.RAM_SIZE, 8)).containsExactly(8, 7, 6, 5, 4, 3, 2, 1);
        assertThat(item(device, FwCfgKeys.CMDLINE_DATA, 3)).containsExactly((int) 'r', (int) 'o', 0);
    }

    @Test
    void readsZeros_beyondTheEndOfAnItem() {
        FwCfg device =
                FwCfg.builder().item(FwCfgKeys.NB_CPUS, FwCfgItem.le16(0xffff)).build(memory);

        assertThat(item(device, FwCfgKeys.NB_CPUS, 4)).containsExactly(0xff, 0xff, 0, 0);
    }

    @Test
    void readsZeros_whereThereIsNoItem() {
        FwCfg device = FwCfg.builder().build(memory);

        assertThat(item(device, FwCfgKeys.KERNEL_DATA, 2)).containsExactly(0, 0);
        assertThat(item(device, 0xffff, 2)).containsExactly(0, 0);
    }

    @Test
    void selectsTheSameItem_whenBit14SaysWrite() {
        FwCfg device = FwCfg.builder().build(memory);

        assertThat(text(item(device, 0x4000 | FwCfgKeys.SIGNATURE, 4))).isEqualTo("QEMU");
    }

    @Test
    void keepsArchitecturesItemsApart() {
        FwCfg device = FwCfg.builder()
                .item(FwCfgKeys.NB_CPUS, FwCfgItem.le16(2))
                .item(FwCfgKeys.ARCH_LOCAL | FwCfgKeys.NB_CPUS, FwCfgItem.le16(3))
                .item(FwCfgKeys.IRQ0_OVERRIDE, FwCfgItem.le32(1))
                .build(memory);

        assertThat(item(device, FwCfgKeys.NB_CPUS, 1)).containsExactly(2);
        assertThat(item(device, 0x8005, 1)).containsExactly(3);
        assertThat(item(device, 0x8002, 4)).containsExactly(1, 0, 0, 0);
    }

    @Test
    void listsFilesByName_bigEndian() {
        FwCfg device = FwCfg.builder()
                .file("opt/org.example/b", FwCfgItem.string("user's"))
                .file("bootorder", FwCfgItem.of(new byte[3]))
                .file("etc/e820", FwCfgItem.of(new byte[0x102]))
                .build(memory);
        ByteBuffer directory = ByteBuffer.wrap(bytes(item(device, FwCfgKeys.FILE_DIR, 4 + 3 * 64)));

        assertThat(directory.getInt()).as("count").isEqualTo(3);
        assertThat(entry(directory)).isEqualTo("bootorder 3 20 0");
        assertThat(entry(directory)).isEqualTo("etc/e820 102 21 0");
        assertThat(entry(directory)).isEqualTo("opt/org.example/b 7 22 0");
        assertThat(text(item(device, FIRST_FILE + 2, 6))).isEqualTo("user's");
    }

    @Test
    void takesNamesOf55Characters_andNoLonger() {
        FwCfgItem item = FwCfgItem.le16(0);
        FwCfg device = FwCfg.builder().file("n".repeat(55), item).build(memory);

        assertThat(item(device, FwCfgKeys.FILE_DIR, 68).subList(66, 68)).containsExactly((int) 'n', 0);
        assertThatIllegalArgumentException().isThrownBy(() -> FwCfg.builder().file("n".repeat(56), item));
        assertThatIllegalArgumentException().isThrownBy(() -> FwCfg.builder().file("", item));
        assertThatIllegalArgumentException().isThrownBy(() -> FwCfg.builder().file("opt/\u00e4", item));
        assertThatIllegalArgumentException().isThrownBy(() -> FwCfg.builder().file("opt/\n", item));
    }

    @Test
    void refusesKeys_thatAreUsedOrInvalid() {
        FwCfgItem item = FwCfgItem.le16(0);
        FwCfg.Builder builder = FwCfg.builder().item(FwCfgKeys.NB_CPUS, item).file("etc/e820", item);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.item(FwCfgKeys.NB_CPUS, item))
                .withMessageContaining("0x5");
        assertThatIllegalArgumentException().isThrownBy(() -> builder.item(FwCfgKeys.SIGNATURE, item));
        assertThatIllegalArgumentException().isThrownBy(() -> builder.item(FwCfgKeys.FILE_DIR, item));
        assertThatIllegalArgumentException().isThrownBy(() -> builder.item(FIRST_FILE, item));
        assertThatIllegalArgumentException().isThrownBy(() -> builder.item(0xc000, item));
        assertThatIllegalArgumentException().isThrownBy(() -> builder.item(-1, item));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.file("etc/e820", item))
                .withMessageContaining("etc/e820");
    }

    @Test
    void refusesItemsThatAreTooLarge() {
        assertThatIllegalArgumentException().isThrownBy(() -> FwCfgItem.of(1L << 32, (offset, to) -> {}));
        assertThatIllegalArgumentException().isThrownBy(() -> FwCfgItem.writable(new byte[4097], heard::add));
    }

    /** String I/O comes as single reads; the source must not be asked for each. */
    @Test
    void asksItsSourceOncePerPage_whenReadByteByByte() {
        List<Long> asked = new ArrayList<>();
        FwCfgItem large = FwCfgItem.of(10_000, (offset, to) -> {
            asked.add(offset);
            to.fill((byte) 7);
        });
        FwCfg device = FwCfg.builder().item(FwCfgKeys.KERNEL_DATA, large).build(memory);

        assertThat(item(device, FwCfgKeys.KERNEL_DATA, 10_001).subList(9_999, 10_001))
                .containsExactly(7, 0);
        assertThat(asked).containsExactly(0L, 4096L, 8192L);
    }

    @Test
    void readsFilePieceByPiece(@TempDir Path folder) throws IOException {
        byte[] content = new byte[9_000];
        content[4_096] = 1;
        content[8_999] = 2;
        Path path = Files.write(folder.resolve("initrd"), content);
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ)) {
            FwCfg device = FwCfg.builder()
                    .item(FwCfgKeys.INITRD_DATA, FwCfgItem.of(file))
                    .build(memory);

            assertThat(bytes(item(device, FwCfgKeys.INITRD_DATA, 9_000))).isEqualTo(content);
        }
    }

    @Test
    void readsAFile_thatIsOpenOnlyWhileItIsRead(@TempDir Path folder) throws IOException {
        Path path = Files.write(folder.resolve("initrd"), new byte[] {1, 2, 3, 4});
        FwCfg device =
                FwCfg.builder().item(FwCfgKeys.INITRD_DATA, FwCfgItem.of(path)).build(memory);
        assertThat(item(device, FwCfgKeys.INITRD_DATA, 4)).containsExactly(1, 2, 3, 4);

        Files.delete(path);

        assertThat(item(device, FwCfgKeys.INITRD_DATA, 4)).containsExactly(0, 0, 0, 0);
    }

    @Test
    void tellsItsNamedItems() {
        FwCfg.Builder builder = FwCfg.builder().file("b", FwCfgItem.le32(0)).file("a", FwCfgItem.le64(0));

        assertThat(builder.files().keySet()).containsExactly("a", "b");
        assertThat(builder.files().values()).extracting(FwCfgItem::size).containsExactly(8L, 4L);
    }

    @Test
    void readsZeros_whenTheFileGotShorter(@TempDir Path folder) throws IOException {
        Path path = Files.write(folder.resolve("initrd"), new byte[] {1, 2, 3, 4});
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            FwCfg device = FwCfg.builder()
                    .item(FwCfgKeys.INITRD_DATA, FwCfgItem.of(file))
                    .build(memory);
            file.truncate(2);

            assertThat(item(device, FwCfgKeys.INITRD_DATA, 4)).containsExactly(0, 0, 0, 0);
        }
    }

    @Test
    void ignoresWritesToTheDataPort() {
        FwCfg device = FwCfg.builder()
                .file("writable", FwCfgItem.writable(new byte[2], heard::add))
                .build(memory);
        select(device, FIRST_FILE);

        device.write(DATA, 1, 0xff);

        assertThat(read(device, 2)).containsExactly(0, 0);
        assertThat(heard).isEmpty();
    }

    @Test
    void ignoresAccessesOfOtherWidths() {
        FwCfg device = FwCfg.builder().build(memory);
        select(device, FwCfgKeys.ID);

        device.write(SELECTOR, 1, 0);
        device.write(SELECTOR, 4, 0);
        device.write(DMA_ADDRESS_HIGH, 2, 0);
        device.write(DMA_ADDRESS_LOW + 2, 2, 0);

        assertThat(device.read(SELECTOR, 2)).isZero();
        assertThat(device.read(DATA + 1, 1) & 0xff).as("nobody's").isEqualTo(0xff);
        assertThat(device.read(DATA, 2) & 0xffff).isEqualTo(0xffff);
        assertThat(read(device, 1)).as("still the first byte of the ID").containsExactly(3);
    }

    @Test
    void answersOnARealBus() {
        Bus bus = new Bus("port");
        bus.add(0x510, FwCfg.RANGE, "fw_cfg", FwCfg.builder().build(memory));

        bus.write(0x510, 2, FwCfgKeys.SIGNATURE);

        assertThat(bus.read(0x511, 1)).isEqualTo('Q');
        assertThat(bus.read(0x514, 4)).isEqualTo(0x554d4551);
    }

    @Test
    void continuesWhereItWas_whenRestored() {
        FwCfg device = withWritable();
        select(device, FwCfgKeys.CMDLINE_DATA);
        read(device, 2);
        DeviceState state = DeviceState.decode(device.save().encode());
        FwCfg other = withWritable();

        other.restore(state);

        assertThat(other.save()).isEqualTo(state);
        assertThat(text(read(other, 2))).isEqualTo("ns");
        assertThat(heard).as("the host is told what is in writable items").containsExactly(new byte[] {9, 9});
    }

    @Test
    void refusesState_whenAWritableItemIsMissing() {
        DeviceState state = FwCfg.builder().build(memory).save();

        assertThatIllegalArgumentException().isThrownBy(() -> withWritable().restore(state));
    }

    @Test
    void selectsSignature_whenReset() {
        FwCfg device = withWritable();
        select(device, FwCfgKeys.CMDLINE_DATA);

        device.reset();

        assertThat(text(read(device, 4))).isEqualTo("QEMU");
        assertThat(heard).containsExactly(new byte[] {9, 9});
    }

    private FwCfg withWritable() {
        return FwCfg.builder()
                .item(FwCfgKeys.CMDLINE_DATA, FwCfgItem.string("cons"))
                .file("writable", FwCfgItem.writable(new byte[] {9, 9}, heard::add))
                .build(memory);
    }

    private static void select(FwCfg device, int key) {
        device.write(SELECTOR, 2, key);
    }

    private static List<Integer> read(FwCfg device, int length) {
        List<Integer> bytes = new ArrayList<>();
        for (int i = 0; i < length; i++) bytes.add((int) device.read(DATA, 1));
        return bytes;
    }

    private static List<Integer> item(FwCfg device, int key, int length) {
        select(device, key);
        return read(device, length);
    }

    private static byte[] bytes(List<Integer> values) {
        byte[] bytes = new byte[values.size()];
        for (int i = 0; i < bytes.length; i++) bytes[i] = values.get(i).byteValue();
        return bytes;
    }

    private static String text(List<Integer> characters) {
        return new String(bytes(characters), US_ASCII);
    }

    /** One entry of the directory: name, then size, key and the unused field in hexadecimal. */
    private static String entry(ByteBuffer directory) {
        int size = directory.getInt();
        int key = directory.getShort();
        int unused = directory.getShort();
        byte[] name = new byte[FILE_NAME_SIZE];
        directory.get(name);
        return "%s %x %x %x".formatted(new String(name, US_ASCII).replace("\0", ""), size, key, unused);
    }
}
