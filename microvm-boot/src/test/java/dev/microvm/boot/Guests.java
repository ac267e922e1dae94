package dev.microvm.boot;

import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** Memory, files and CPU state for the guests of this package's tests. */
final class Guests {
    static final long RAM_SIZE = 64L << 20;

    private Guests() {}

    /** Makes RAM at address 0, which is freed when it is no longer referenced. */
    static GuestMemory memory(long size) {
        return new GuestMemory(List.of(new GuestMemoryRegion(0, Arena.ofAuto().allocate(size, 4096), false)));
    }

    /** Makes bytes that compress well, but not to almost nothing. */
    static byte[] content(int size) {
        Random random = new Random(42);
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) (i % 97 < 60 ? random.nextInt(4) : i >>> 7);
        }
        return bytes;
    }

    /** A file in {@code folder}. */
    static Path file(Path folder, byte[] bytes) {
        try {
            return Files.write(Files.createTempFile(folder, "image", ""), bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The special registers of a CPU after a reset. */
    static SpecialRegisters resetState() {
        SegmentRegister code = SegmentRegister.realMode(0xF000, SegmentRegister.TYPE_CODE);
        SegmentRegister data = SegmentRegister.realMode(0, SegmentRegister.TYPE_DATA);
        SegmentRegister task = SegmentRegister.systemSegment(0, SegmentRegister.TYPE_TSS_BUSY, 0, 0xFFFF);
        SegmentRegister local = SegmentRegister.systemSegment(0, SegmentRegister.TYPE_LDT, 0, 0xFFFF);
        DescriptorTable table = new DescriptorTable(0, 0xFFFF);
        return new SpecialRegisters(
                code,
                data,
                data,
                data,
                data,
                data,
                task,
                local,
                table,
                table,
                0x6000_0010,
                0,
                0,
                0,
                0,
                0,
                0xFEE0_0900L);
    }
}
