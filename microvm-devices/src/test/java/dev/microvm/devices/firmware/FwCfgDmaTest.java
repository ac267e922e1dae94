package dev.microvm.devices.firmware;

import static dev.microvm.devices.firmware.FwCfgRegisters.*;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.DeviceState;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** DMA of {@link FwCfg}, as its specification describes it. */
final class FwCfgDmaTest {
    private static final int RAM_SIZE = 0x80_0000; // 8 MiB: an operation takes several pieces
    private static final long ROM = 0xffff_0000L;
    private static final int ROM_SIZE = 0x1000;
    private static final long HIGH = 0x1_0000_0000L;
    private static final int HIGH_SIZE = 0x1000;
    private static final long ACCESS = 0x100; // the structure
    private static final long BUFFER = 0x2000;
    private static final byte[] CONTENT = {1, 2, 3, 4, 5};

    private final MemorySegment rom = MemorySegment.ofArray(new byte[ROM_SIZE]).asReadOnly();
    private final GuestMemory memory = new GuestMemory(List.of(
            new GuestMemoryRegion(0, MemorySegment.ofArray(new byte[RAM_SIZE]), false),
            new GuestMemoryRegion(ROM, rom, true),
            new GuestMemoryRegion(HIGH, MemorySegment.ofArray(new byte[HIGH_SIZE]), false)));
    private final List<byte[]> heard = new ArrayList<>();
    private final FwCfg device = FwCfg.builder()
            .item(FwCfgKeys.KERNEL_DATA, FwCfgItem.of(CONTENT))
            .file("etc/vmgenid_addr", FwCfgItem.writable(new byte[8], heard::add))
            .build(memory);

    @BeforeEach
    void fill() {
        Arrays.fill((byte[]) memory.slice(0, RAM_SIZE).heapBase().orElseThrow(), (byte) 0xee);
    }

    // ---- what it is for

    @Test
    void selectsAndReads_inOneOperation() {
        int result = dma(DMA_SELECT | DMA_READ, FwCfgKeys.KERNEL_DATA, BUFFER, 5);

        assertThat(result).isZero();
        assertThat(memory.read(BUFFER, 6)).containsExactly(1, 2, 3, 4, 5, 0xee);
    }

    @Test
    void continues_whereTheLastReadEnded() {
        dma(DMA_SELECT | DMA_READ, FwCfgKeys.KERNEL_DATA, BUFFER, 2);
        dma(DMA_READ, 0, BUFFER, 2);

        assertThat(memory.read(BUFFER, 2)).containsExactly(3, 4);
        assertThat(device.read(DATA, 1)).as("and so does the data port").isEqualTo(5);
    }

    @Test
    void selectsAlone_whenNothingElseIsAsked() {
        int result = dma(DMA_SELECT, FwCfgKeys.KERNEL_DATA, 0xbad_0000_0000L, 0xffff_ffff);

        assertThat(result).isZero();
        assertThat(device.read(DATA, 1)).isEqualTo(1);
    }

    @Test
    void skips_andReads() {
        int result = dma(DMA_SELECT | DMA_SKIP, FwCfgKeys.KERNEL_DATA, 0xbad_0000_0000L, 3);
        dma(DMA_READ, 0, BUFFER, 1);

        assertThat(result).isZero();
        assertThat(memory.read(BUFFER, 1)).containsExactly(4);
    }

    @Test
    void skipsToTheEnd_andNoFurther() {
        dma(DMA_SELECT | DMA_SKIP, FwCfgKeys.KERNEL_DATA, 0, 0xffff_ffff);
        int result = dma(DMA_SKIP, 0, 0, 0xffff_ffff);

        assertThat(result).isZero();
        assertThat(device.save().number("offset")).isEqualTo(CONTENT.length);
    }

    @Test
    void readsZeros_beyondTheEnd() {
        int result = dma(DMA_SELECT | DMA_READ, FwCfgKeys.KERNEL_DATA, BUFFER, 8);

        assertThat(result).isZero();
        assertThat(memory.read(BUFFER, 9)).containsExactly(1, 2, 3, 4, 5, 0, 0, 0, 0xee);
    }

    @Test
    void readsZeros_whereThereIsNoItem() {
        int result = dma(DMA_SELECT | DMA_READ, 0x3abc, BUFFER, 2);

        assertThat(result).isZero();
        assertThat(memory.read(BUFFER, 3)).containsExactly(0, 0, 0xee);
    }

    @Test
    void fillsMemory_whenLengthIsFarBeyondTheItem() {
        int length = 0x60_0001; // 6 MiB and a byte
        int result = dma(DMA_SELECT | DMA_READ, FwCfgKeys.KERNEL_DATA, BUFFER, length);

        assertThat(result).isZero();
        assertThat(memory.getByte(BUFFER + length - 1)).isZero();
        assertThat(memory.getByte(BUFFER + length)).isEqualTo(0xee);
    }

    @Test
    void readsLargeFileInPieces_withoutLosingAny(@TempDir Path folder) throws IOException {
        byte[] content = new byte[(5 << 20) + 3];
        for (int i = 0; i < content.length; i++) content[i] = (byte) (i >> 12 ^ i);
        Path path = Files.write(folder.resolve("kernel"), content);
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ)) {
            FwCfg withFile = FwCfg.builder()
                    .item(FwCfgKeys.KERNEL_DATA, FwCfgItem.of(file))
                    .build(memory);
            access(DMA_SELECT | DMA_READ, FwCfgKeys.KERNEL_DATA, BUFFER, content.length);
            start(withFile, ACCESS);

            assertThat(result()).isZero();
            assertThat(memory.read(BUFFER, content.length)).isEqualTo(content);
        }
    }

    @Test
    void readsIntoHighMemory_fromAStructureThere() {
        long access = HIGH + 8;
        put(access, (FwCfgKeys.KERNEL_DATA << 16) | DMA_SELECT | DMA_READ, 5, HIGH + 0x100);

        start(device, access);

        assertThat(memory.getInt(access)).isZero();
        assertThat(memory.read(HIGH + 0x100, 5)).isEqualTo(CONTENT);
    }

    @Test
    void startsOnce_whenAddressComesInOnePiece() {
        access(DMA_SELECT | DMA_READ, FwCfgKeys.KERNEL_DATA, BUFFER, 5);

        device.write(DMA_ADDRESS_HIGH, 8, Long.reverseBytes(ACCESS));

        assertThat(result()).isZero();
        assertThat(memory.read(BUFFER, 5)).isEqualTo(CONTENT);
    }

    @Test
    void forgetsHighHalf_afterAnOperation() {
        device.write(DMA_ADDRESS_HIGH, 4, Integer.reverseBytes(1));
        device.write(DMA_ADDRESS_LOW, 4, Integer.reverseBytes((int) ACCESS)); // nothing sensible at 0x1_0000_0100
        access(DMA_SELECT | DMA_READ, FwCfgKeys.KERNEL_DATA, BUFFER, 5);

        device.write(DMA_ADDRESS_LOW, 4, Integer.reverseBytes((int) ACCESS));

        assertThat(memory.read(BUFFER, 5)).isEqualTo(CONTENT);
    }

    @Test
    void remembersHighHalf_acrossARestore() {
        put(HIGH, (FwCfgKeys.KERNEL_DATA << 16) | DMA_SELECT | DMA_READ, 5, BUFFER);
        device.write(DMA_ADDRESS_HIGH, 4, Integer.reverseBytes(1));
        DeviceState state = DeviceState.decode(device.save().encode());
        device.reset();

        device.restore(state);
        device.write(DMA_ADDRESS_LOW, 4, 0);

        assertThat(memory.read(BUFFER, 5)).isEqualTo(CONTENT);
    }

    @Test
    void tellsTheHost_whenTheGuestWrites() {
        memory.write(BUFFER, new byte[] {7, 8, 9});
        int select = dma(DMA_SELECT | DMA_SKIP, FwCfgKeys.FILE_FIRST, 0, 4);
        int result = dma(DMA_WRITE, 0, BUFFER, 3);

        assertThat(select).isZero();
        assertThat(result).isZero();
        assertThat(heard).containsExactly(new byte[] {0, 0, 0, 0, 7, 8, 9, 0});
        dma(DMA_SELECT | DMA_READ, FwCfgKeys.FILE_FIRST, BUFFER, 8);
        assertThat(memory.read(BUFFER, 8)).as("reads back").containsExactly(0, 0, 0, 0, 7, 8, 9, 0);
    }

    @Test
    void readsWhatWasWritten_throughTheDataPortToo() {
        memory.write(BUFFER, new byte[] {7, 8});
        dma(DMA_SELECT, FwCfgKeys.FILE_FIRST, 0, 0);
        long before = device.read(DATA, 1); // reads ahead
        dma(DMA_WRITE, 0, BUFFER, 1);
        dma(DMA_WRITE, 0, BUFFER + 1, 1);
        dma(DMA_SELECT | DMA_SKIP, FwCfgKeys.FILE_FIRST, 0, 2);

        assertThat(before).isZero();
        assertThat(device.read(DATA, 1)).isEqualTo(8);
    }

    @Test
    void readsFirst_whenReadWriteAndSkipAreAsked() {
        int result = dma(DMA_SELECT | DMA_READ | DMA_WRITE | DMA_SKIP, FwCfgKeys.KERNEL_DATA, BUFFER, 1);

        assertThat(result).isZero();
        assertThat(memory.read(BUFFER, 2)).containsExactly(1, 0xee);
    }

    // ---- errors

    @Test
    void refusesToWrite_whatIsReadOnlyOrNotThere() {
        assertThat(dma(DMA_SELECT | DMA_WRITE, FwCfgKeys.KERNEL_DATA, BUFFER, 1))
                .isEqualTo(DMA_ERROR);
        assertThat(dma(DMA_SELECT | DMA_WRITE, 0x3abc, BUFFER, 1)).isEqualTo(DMA_ERROR);
        assertThat(CONTENT).containsExactly(1, 2, 3, 4, 5);
    }

    @Test
    void refusesToWrite_beyondTheEnd() {
        assertThat(dma(DMA_SELECT | DMA_WRITE, FwCfgKeys.FILE_FIRST, BUFFER, 9)).isEqualTo(DMA_ERROR);
        assertThat(dma(DMA_SELECT | DMA_WRITE, FwCfgKeys.FILE_FIRST, BUFFER, 0xffff_ffff))
                .isEqualTo(DMA_ERROR);
        assertThat(heard).as("nothing is written in part").isEmpty();
    }

    @Test
    void refusesToWrite_fromWhereThereIsNoMemory() {
        assertThat(dma(DMA_SELECT | DMA_WRITE, FwCfgKeys.FILE_FIRST, RAM_SIZE - 1, 2))
                .isEqualTo(DMA_ERROR);
        assertThat(heard).isEmpty();
    }

    @Test
    void writesFromRom_whichTheGuestCanRead() {
        assertThat(dma(DMA_SELECT | DMA_WRITE, FwCfgKeys.FILE_FIRST, ROM, 8)).isZero();
    }

    @Test
    void refusesToRead_toWhereThereIsNoMemory() {
        assertThat(dma(DMA_SELECT | DMA_READ, FwCfgKeys.KERNEL_DATA, RAM_SIZE - 4, 5))
                .isEqualTo(DMA_ERROR);
        assertThat(dma(DMA_READ, 0, 0x8000_0000L, 1)).isEqualTo(DMA_ERROR);
        assertThat(dma(DMA_READ, 0, -1, 1)).isEqualTo(DMA_ERROR);
        assertThat(dma(DMA_READ, 0, Long.MIN_VALUE, 0xffff_ffff)).isEqualTo(DMA_ERROR);
        assertThat(dma(DMA_READ, 0, BUFFER, 0xffff_ffff)).isEqualTo(DMA_ERROR);
        assertThat(device.read(DATA, 1))
                .as("the place in the item is as it was")
                .isEqualTo(1);
    }

    @Test
    void refusesToRead_toRom() {
        assertThat(dma(DMA_SELECT | DMA_READ, FwCfgKeys.KERNEL_DATA, ROM, 1)).isEqualTo(DMA_ERROR);
    }

    @Test
    void ignoresTheAddress_whenLengthIsZero() {
        assertThat(dma(DMA_SELECT | DMA_READ, FwCfgKeys.KERNEL_DATA, -1, 0)).isZero();
        assertThat(dma(DMA_WRITE, 0, -1, 0)).isZero();
    }

    @Test
    void setsErrorBit_whenTheStructureIsCutOffByTheEndOfMemory() {
        long access = RAM_SIZE - 8;

        start(device, access);

        assertThat(memory.getInt(access)).isEqualTo(Integer.reverseBytes(DMA_ERROR));
    }

    @Test
    void doesNothing_whenTheStructureIsNowhere() {
        start(device, RAM_SIZE);
        start(device, RAM_SIZE - 2);
        start(device, -4);
        start(device, Long.MIN_VALUE);
        start(device, ROM + ROM_SIZE - 8);

        assertThat(memory.getShort(RAM_SIZE - 2)).isEqualTo(0xeeee);
    }

    @Test
    void doesNotAnswer_whenTheStructureIsInRom() {
        start(device, ROM);

        assertThat(rom.toArray(JAVA_BYTE)).containsOnly(0);
    }

    @Test
    void setsErrorBit_whenTheHostCannotRead() {
        FwCfg broken = FwCfg.builder()
                .item(FwCfgKeys.KERNEL_DATA, FwCfgItem.of(4, (offset, to) -> {
                    throw new IOException("as the test asks");
                }))
                .build(memory);
        access(DMA_SELECT | DMA_READ, FwCfgKeys.KERNEL_DATA, BUFFER, 4);

        start(broken, ACCESS);

        assertThat(result()).isEqualTo(DMA_ERROR);
        assertThat(broken.read(DATA, 1)).isZero();
    }

    // ---- the driver's side

    private int dma(int control, int key, long address, int length) {
        access(control, key, address, length);
        start(device, ACCESS);
        return result();
    }

    private void access(int control, int key, long address, int length) {
        put(ACCESS, (key << DMA_KEY_SHIFT) | control, length, address);
    }

    private void put(long at, int control, int length, long address) {
        memory.putInt(at + DMA_CONTROL, Integer.reverseBytes(control));
        memory.putInt(at + DMA_LENGTH, Integer.reverseBytes(length));
        memory.putLong(at + DMA_ADDRESS, Long.reverseBytes(address));
    }

    private static void start(FwCfg device, long access) {
        device.write(DMA_ADDRESS_HIGH, 4, Integer.toUnsignedLong(Integer.reverseBytes((int) (access >>> 32))));
        device.write(DMA_ADDRESS_LOW, 4, Integer.toUnsignedLong(Integer.reverseBytes((int) access)));
    }

    private int result() {
        return Integer.reverseBytes(memory.getInt(ACCESS + DMA_CONTROL));
    }
}
