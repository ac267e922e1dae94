package dev.microvm.devices.firmware;

import static dev.microvm.devices.firmware.FwCfgRegisters.*;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.microvm.devices.legacy.Rig;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.Stateful;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A {@link FwCfg} with items of all kinds, and a guest that builds structures for it, good and bad,
 * in three memories.
 */
public final class FwCfgRig implements Rig {
    private static final int GUARD = 64; // bytes on either side of a memory that must stay as they are
    private static final byte UNTOUCHED = (byte) 0xa5;
    private static final int RAM_SIZE = 0x4000;
    private static final long ROM = 0x8000;
    private static final int ROM_SIZE = 0x1000;
    private static final long HIGH = 0x1_0000_0000L;
    private static final int HIGH_SIZE = 0x1000;
    private static final long MIB = 1 << 20;
    private static final byte[] TEXT = "console=ttyS0".getBytes(US_ASCII);

    /** Where addresses come from: inside, at the edges, across them, and nowhere. */
    private static final long[] PLACES = {
        0,
        0x1000,
        RAM_SIZE - 16,
        RAM_SIZE - 8,
        RAM_SIZE,
        ROM,
        ROM + ROM_SIZE - 4,
        HIGH,
        HIGH + HIGH_SIZE - 16,
        HIGH + HIGH_SIZE,
        -1,
        -16,
        Long.MIN_VALUE,
        Long.MAX_VALUE,
        0xffff_ffffL,
        0xffff_fff8L
    };

    private static final int[] LENGTHS = {
        0, 1, 4, 8, 16, 4096, 4097, RAM_SIZE, -1, Integer.MIN_VALUE, Integer.MAX_VALUE, 1 << 20
    };
    private static final int[] KEYS = {0, 1, 0x19, 0x11, 0x12, 0x15, 0x20, 0x21, 0x22, 0x23, 0x4015, 0x8002, 0xffff};

    private static final byte[] UNTOUCHED_ROM = guarded(ROM_SIZE);

    private final byte[] ram = guarded(RAM_SIZE);
    private final byte[] rom = guarded(ROM_SIZE);
    private final byte[] high = guarded(HIGH_SIZE);
    private final GuestMemory memory = new GuestMemory(List.of(
            new GuestMemoryRegion(0, inside(ram), false),
            new GuestMemoryRegion(ROM, inside(rom).asReadOnly(), true),
            new GuestMemoryRegion(HIGH, inside(high), false)));
    private final List<byte[]> heard = new ArrayList<>();
    private final FwCfg device = FwCfg.builder()
            .item(FwCfgKeys.KERNEL_DATA, FwCfgItem.of(0xffff_ffffL, FwCfgRig::fillLarge))
            .item(FwCfgKeys.INITRD_DATA, FwCfgItem.of(0x2000, FwCfgRig::fail))
            .item(FwCfgKeys.CMDLINE_DATA, FwCfgItem.of(TEXT))
            .item(FwCfgKeys.IRQ0_OVERRIDE, FwCfgItem.le32(1))
            .file("a/empty", FwCfgItem.of(new byte[0]))
            .file("b/pointer", FwCfgItem.writable(new byte[8], heard::add))
            .file("c/page", FwCfgItem.writable(new byte[4096], heard::add))
            .file("d/text", FwCfgItem.string("opt"))
            .build(memory);

    private static byte[] guarded(int size) {
        byte[] bytes = new byte[size + 2 * GUARD];
        Arrays.fill(bytes, UNTOUCHED);
        return bytes;
    }

    private static MemorySegment inside(byte[] guarded) {
        return MemorySegment.ofArray(guarded).asSlice(GUARD, guarded.length - 2L * GUARD);
    }

    private static void fillLarge(long offset, MemorySegment to) {
        checkRequest(offset, to, 0xffff_ffffL);
        to.fill((byte) 1);
    }

    private static void fail(long offset, MemorySegment to) throws IOException {
        checkRequest(offset, to, 0x2000);
        throw new IOException("broken");
    }

    private static void checkRequest(long offset, MemorySegment to, long size) {
        if (offset < 0 || to.byteSize() < 1 || to.byteSize() > MIB || offset > size - to.byteSize()) {
            throw new AssertionError("item asked for [%d, +%d) of %d".formatted(offset, to.byteSize(), size));
        }
    }

    @Override
    public List<Window> windows() {
        return List.of(new Window(device, FwCfg.RANGE), new Window(device, 2));
    }

    @Override
    public List<Stateful> parts() {
        return List.of(device);
    }

    @Override
    public void event(int what, int argument) {
        int low = argument & 0xff;
        int high = argument >> 8;
        switch (what % 8) {
            case 0 -> device.write(SELECTOR, 2, KEYS[low % KEYS.length]);
            case 1 -> store(low % RAM_SIZE, high);
            case 2 -> device.reset();
            case 3 -> start(PLACES[low % PLACES.length] + (byte) high);
            case 4 -> operate(what >> 3, PLACES[low % PLACES.length], LENGTHS[high % LENGTHS.length], 0);
            default -> operate(what >> 3, low * 16L, high, KEYS[(low ^ high) % KEYS.length]);
        }
    }

    /** One operation with a structure that is where it should be. */
    private void operate(int command, long address, int length, int key) {
        long access = 0x3f00;
        memory.putInt(access + DMA_CONTROL, Integer.reverseBytes((key << DMA_KEY_SHIFT) | (command & 0x1f)));
        memory.putInt(access + DMA_LENGTH, Integer.reverseBytes(length));
        memory.putLong(access + DMA_ADDRESS, Long.reverseBytes(address));
        start(access);
        int result = Integer.reverseBytes(memory.getInt(access + DMA_CONTROL));
        if (result != 0 && result != DMA_ERROR) throw new AssertionError("DMA control 0x%x".formatted(result));
    }

    private void start(long access) {
        device.write(DMA_ADDRESS_HIGH, 4, Integer.toUnsignedLong(Integer.reverseBytes((int) (access >>> 32))));
        device.write(DMA_ADDRESS_LOW, 4, Integer.toUnsignedLong(Integer.reverseBytes((int) access)));
    }

    private void store(long at, int value) {
        memory.putByte(at, value);
    }

    @Override
    public void check() { // no loops here: Jazzer would instrument them
        if (Arrays.mismatch(rom, UNTOUCHED_ROM) >= 0)
            throw new AssertionError("ROM or what is around it was overwritten");
        checkGuards(ram);
        checkGuards(high);
        heard.clear();
    }

    private static void checkGuards(byte[] bytes) {
        int end = bytes.length;
        if (Arrays.mismatch(bytes, 0, GUARD, UNTOUCHED_ROM, 0, GUARD) >= 0
                || Arrays.mismatch(bytes, end - GUARD, end, UNTOUCHED_ROM, 0, GUARD) >= 0) {
            throw new AssertionError("bytes before or behind a memory were overwritten");
        }
    }

    @Override
    public String outside() {
        return "memory " + Arrays.hashCode(ram) + ", " + Arrays.hashCode(high);
    }

    @Override
    public void surroundAs(Rig other) {
        FwCfgRig that = (FwCfgRig) other;
        MemorySegment.copy(that.ram, 0, MemorySegment.ofArray(ram), JAVA_BYTE, 0, ram.length);
        MemorySegment.copy(that.high, 0, MemorySegment.ofArray(high), JAVA_BYTE, 0, high.length);
    }
}
