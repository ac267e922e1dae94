package dev.microvm.devices.virtio.testing;

import static dev.microvm.devices.virtio.VirtioMmioRegisters.*;

import dev.microvm.devices.virtio.VirtioDeviceFactory;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.VirtioStatus;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.DeviceState;
import dev.microvm.testing.FakeIrqLine;
import dev.microvm.testing.ManualEventLoop;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A driver that does what bytes say, for fuzzing any virtio device: it negotiates and sets up
 * queues as it should or as it likes, writes descriptors that are good, odd or hostile, makes them
 * available, notifies, resets, and has the device saved and restored, or paused. After each step
 * nothing may have been thrown, been written outside guest memory or into read-only memory, or been
 * called a defect of the device's; and the loop must come to rest.
 */
public final class HostileDriver {
    private static final int GUARD = 4096; // bytes on either side of a memory that must stay as they are
    private static final byte UNTOUCHED = (byte) 0xa5;
    private static final int RAM = 0x10000;
    private static final long ROM = 0x2_0000;
    private static final int ROM_SIZE = 0x1000;
    private static final int QUEUE_BLOCK = 0x1000; // each queue's rings, one after the other
    private static final int QUEUE_SIZE = 8;
    private static final int AVAILABLE_OFFSET = 0x400;
    private static final int USED_OFFSET = 0x800;
    private static final int MOST_QUEUES = 8;
    private static final int BUFFERS = MOST_QUEUES * QUEUE_BLOCK; // from here on
    private static final int STEPS_BETWEEN_LOOKS = 64; // at memory
    private static final int TURNS_OF_LOOP = 10_000;

    /** Registers that are written at random, with values at random. */
    private static final int[] REGISTERS = {
        STATUS,
        STATUS,
        QUEUE_SEL,
        SHM_SEL,
        QUEUE_NUM,
        QUEUE_READY,
        QUEUE_NOTIFY,
        INTERRUPT_ACK,
        DRIVER_FEATURES,
        DRIVER_FEATURES_SEL,
        DEVICE_FEATURES_SEL,
        QUEUE_DESC_LOW,
        QUEUE_DESC_HIGH,
        QUEUE_DRIVER_LOW,
        QUEUE_DRIVER_HIGH,
        QUEUE_DEVICE_LOW,
        QUEUE_DEVICE_HIGH,
        QUEUE_PFN,
        QUEUE_ALIGN,
        GUEST_PAGE_SIZE,
        CONFIG,
        CONFIG + 4,
        CONFIG + 8
    };

    private static final long[] ODD_ADDRESSES = {
        0, RAM - 1, RAM, ROM, ROM + ROM_SIZE - 1, -1, -16, Long.MAX_VALUE, Long.MIN_VALUE, 0xffff_fff0L
    };
    private static final int[] ODD_LENGTHS = {0, 1, RAM, -1, Integer.MIN_VALUE, Integer.MAX_VALUE, 0x1001};

    private final byte[] script;
    private int at;
    private final VirtioDeviceFactory factory;
    private final VirtioMmio.Version version;
    private final MemorySegment ram = guarded(RAM);
    private final MemorySegment rom = guarded(ROM_SIZE);
    private final GuestMemory memory = new GuestMemory(List.of(
            new GuestMemoryRegion(0, ram.asSlice(GUARD, RAM), false),
            new GuestMemoryRegion(ROM, rom.asSlice(GUARD, ROM_SIZE), true)));
    private final ManualEventLoop loop = new ManualEventLoop();
    private VirtioMmio mmio;
    private final int[] availableIndices = new int[MOST_QUEUES];

    private HostileDriver(byte[] script, VirtioDeviceFactory factory) {
        this.script = script;
        this.factory = factory;
        this.version = next() % 8 == 7 ? VirtioMmio.Version.LEGACY : VirtioMmio.Version.MODERN;
        this.mmio = make();
    }

    /** Scripts to begin with; random, but each time the same. */
    public static Stream<byte[]> samples() {
        return IntStream.range(0, 24).mapToObj(seed -> {
            byte[] bytes = new byte[2000];
            new Random(seed).nextBytes(bytes);
            return bytes;
        });
    }

    /** Lets bytes drive a device. */
    public static void run(byte[] script, VirtioDeviceFactory factory) {
        new HostileDriver(script, factory).run();
    }

    private VirtioMmio make() {
        return new VirtioMmio(version, factory, memory, loop, new FakeIrqLine());
    }

    private static MemorySegment guarded(int size) {
        MemorySegment whole = Arena.ofAuto().allocate(size + 2 * GUARD, 4096);
        whole.fill(UNTOUCHED);
        whole.asSlice(GUARD, size).fill((byte) 0);
        return whole;
    }

    private void run() {
        for (int step = 1; at < script.length; step++) {
            switch (next() % 16) {
                case 0, 1 -> start();
                case 2, 3, 4, 5 -> request();
                case 6, 7 -> writeDescriptor();
                case 8 -> available(next() % MOST_QUEUES, next(), next() % 4 == 0 ? next() : 1);
                case 9 -> notifyQueue(next() % MOST_QUEUES);
                case 10, 11 -> writeRegister();
                case 12 -> mmio.read(next() << 1 & 0x1ff, 1 << next() % 4);
                case 13 -> scribble();
                case 14 -> loop.clock().advance(next() * 1_000_000L);
                default -> {
                    if (next() % 4 == 0) pauseAndResume();
                    else saveAndRestore();
                }
            }
            check();
            if (step % STEPS_BETWEEN_LOOKS == 0) checkMemory();
        }
        checkMemory();
    }

    private void check() {
        if (loop.run() > TURNS_OF_LOOP) throw new AssertionError("the device does not come to rest");
        if (mmio.defects() > 0) throw new AssertionError("the device failed by no fault of the driver's: see the log");
    }

    private void checkMemory() {
        checkGuards(ram, RAM);
        checkGuards(rom, ROM_SIZE);
        if (rom.asSlice(GUARD, ROM_SIZE).mismatch(MemorySegment.ofArray(new byte[ROM_SIZE])) >= 0) {
            throw new AssertionError("read-only memory was written");
        }
    }

    private static void checkGuards(MemorySegment whole, int size) {
        for (long i = 0; i < GUARD; i += Long.BYTES) {
            long before = whole.get(ValueLayout.JAVA_LONG, i);
            long behind = whole.get(ValueLayout.JAVA_LONG, GUARD + size + i);
            if (before != 0xa5a5_a5a5_a5a5_a5a5L || behind != before) {
                throw new AssertionError("memory outside the guest's was written");
            }
        }
    }

    /** As a driver should: 3.1.1. */
    private void start() {
        write(STATUS, 0);
        write(STATUS, VirtioStatus.ACKNOWLEDGE | VirtioStatus.DRIVER);
        write(DEVICE_FEATURES_SEL, 0);
        write(DRIVER_FEATURES_SEL, 0);
        write(DRIVER_FEATURES, (int) mmio.read(DEVICE_FEATURES, 4) & (next() % 4 == 0 ? next() << 24 | next() : -1));
        write(DRIVER_FEATURES_SEL, 1);
        write(DRIVER_FEATURES, 1);
        write(GUEST_PAGE_SIZE, QUEUE_BLOCK);
        write(STATUS, VirtioStatus.ACKNOWLEDGE | VirtioStatus.DRIVER | VirtioStatus.FEATURES_OK);
        for (int queue = 0; queue < MOST_QUEUES; queue++) {
            ram.asSlice(GUARD + (long) queue * QUEUE_BLOCK, QUEUE_BLOCK).fill((byte) 0);
            availableIndices[queue] = 0;
            write(QUEUE_SEL, queue);
            write(QUEUE_NUM, QUEUE_SIZE);
            write(QUEUE_ALIGN, AVAILABLE_OFFSET);
            write(QUEUE_PFN, queue == 0 ? 0 : queue);
            write(QUEUE_DESC_LOW, queue * QUEUE_BLOCK);
            write(QUEUE_DRIVER_LOW, queue * QUEUE_BLOCK + AVAILABLE_OFFSET);
            write(QUEUE_DEVICE_LOW, queue * QUEUE_BLOCK + USED_OFFSET);
            write(QUEUE_READY, 1);
        }
        write(
                STATUS,
                VirtioStatus.ACKNOWLEDGE | VirtioStatus.DRIVER | VirtioStatus.FEATURES_OK | VirtioStatus.DRIVER_OK);
    }

    /** A chain of good buffers with a content of the script's, made available and notified. */
    private void request() {
        int queue = next() % MOST_QUEUES;
        int readable = next() % 4;
        int writable = next() % 4;
        int count = Math.max(1, readable + writable);
        int head = next() % QUEUE_SIZE;
        for (int i = 0; i < count; i++) {
            int index = (head + i) % QUEUE_SIZE;
            long gpa = BUFFERS + ((long) next() << 7);
            int length = 1 + (next() | (next() & 3) << 8);
            boolean write = i >= readable;
            if (!write) for (int b = 0; b < Math.min(length, 24); b++) memory.putByte(gpa + b, next());
            int flags = (write ? 2 : 0) | (i < count - 1 ? 1 : 0);
            descriptor(queue, index, gpa, length, flags, (index + 1) % QUEUE_SIZE);
        }
        available(queue, head, 1);
        notifyQueue(queue);
    }

    private void writeDescriptor() {
        long gpa = next() % 2 == 0 ? BUFFERS + ((long) next() << 6) : ODD_ADDRESSES[next() % ODD_ADDRESSES.length];
        int length = next() % 2 == 0 ? next() : ODD_LENGTHS[next() % ODD_LENGTHS.length];
        descriptor(next() % MOST_QUEUES, next() % QUEUE_SIZE, gpa, length, next() & 7, next() % (QUEUE_SIZE + 1));
    }

    private void descriptor(int queue, int index, long gpa, int length, int flags, int following) {
        long to = (long) queue * QUEUE_BLOCK + 16L * index;
        memory.putLong(to, gpa);
        memory.putInt(to + 8, length);
        memory.putShort(to + 12, flags);
        memory.putShort(to + 14, following);
    }

    private void available(int queue, int head, int more) {
        long ring = (long) queue * QUEUE_BLOCK + AVAILABLE_OFFSET;
        memory.putShort(ring + 4 + 2L * (availableIndices[queue] & (QUEUE_SIZE - 1)), head);
        availableIndices[queue] += more;
        memory.putShortRelease(ring + 2, availableIndices[queue]);
    }

    private void notifyQueue(int queue) {
        write(QUEUE_NOTIFY, queue);
    }

    private void writeRegister() {
        int register = REGISTERS[next() % REGISTERS.length];
        int size = next() % 8 == 0 ? 1 << next() % 4 : 4;
        long value = next() % 2 == 0 ? next() : (long) next() << 24 | next() << 8 | next();
        mmio.write(register, size, value);
    }

    private void write(int register, int value) {
        mmio.write(register, 4, Integer.toUnsignedLong(value));
    }

    /** Changes a word anywhere in RAM: rings, tables, buffers. */
    private void scribble() {
        memory.putShort((next() << 8 | next()) % (RAM - 1), next() << 8 | next());
    }

    private void saveAndRestore() {
        DeviceState state = mmio.save();
        VirtioMmio other = make();
        other.restore(DeviceState.decode(state.encode()));
        DeviceState again = other.save();
        boolean broke = (other.read(STATUS, 4) & VirtioStatus.DEVICE_NEEDS_RESET) != 0; // the rings are no more
        if (!broke && !again.equals(state)) throw new AssertionError("restored: " + again + ", first: " + state);
        mmio = other;
    }

    /** Notifies a paused device, which must not touch memory until it is resumed. */
    private void pauseAndResume() {
        mmio.pause();
        byte[] before = ram.toArray(ValueLayout.JAVA_BYTE);
        notifyQueue(next() % MOST_QUEUES);
        loop.clock().advance(next() * 1_000_000L);
        loop.run();
        if (ram.mismatch(MemorySegment.ofArray(before)) >= 0) throw new AssertionError("a paused device wrote memory");
        mmio.resume();
    }

    /** The next byte, 0 to 0xff; 0 beyond the end. */
    private int next() {
        return at < script.length ? Byte.toUnsignedInt(script[at++]) : 0;
    }
}
