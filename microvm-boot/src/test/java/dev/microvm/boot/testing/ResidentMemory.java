package dev.microvm.boot.testing;

import dev.microvm.MicroVmBuilder;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Measures how much of a guest's memory has pages on the host, by this process's page tables:
 * proc(5), {@code pagemap}. It is a device that only holds the machine's memory.
 */
public final class ResidentMemory {
    private static final int ENTRY = Long.BYTES; // of a page
    private static final long PRESENT = 1L << 63;
    private static final long SWAPPED = 1L << 62;

    private final AtomicReference<GuestMemory> memory = new AtomicReference<>();

    /** Adds it to a machine. */
    public MicroVmBuilder in(MicroVmBuilder builder) {
        return builder.mmioDevice("memory watcher", 0xfec8_0000L, 0x1000, context -> {
            memory.set(context.memory());
            return new FixedDevice(0);
        });
    }

    /** Returns the size of the pages of the machine's last run, in MiB. */
    public int mib() {
        long pages = 0;
        GuestMemory watched = Objects.requireNonNull(memory.get(), "the machine was not started");
        for (GuestMemoryRegion region : watched.regions()) pages += pages(region);
        return (int) ((pages * GuestMemoryRegion.PAGE_SIZE) >> 20);
    }

    private static long pages(GuestMemoryRegion region) {
        byte[] entries = new byte[(int) (region.size() / GuestMemoryRegion.PAGE_SIZE * ENTRY)];
        try (RandomAccessFile pagemap = new RandomAccessFile("/proc/self/pagemap", "r")) {
            pagemap.seek(region.segment().address() / GuestMemoryRegion.PAGE_SIZE * ENTRY);
            pagemap.readFully(entries);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        ByteBuffer pages = ByteBuffer.wrap(entries).order(ByteOrder.nativeOrder());
        long resident = 0;
        while (pages.hasRemaining()) {
            if ((pages.getLong() & (PRESENT | SWAPPED)) != 0) resident++;
        }
        return resident;
    }
}
