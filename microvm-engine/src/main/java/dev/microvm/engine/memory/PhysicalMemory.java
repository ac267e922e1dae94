package dev.microvm.engine.memory;

import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.memory.GuestMemoryRegion;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The guest's physical address space: which pages have host memory behind them, and where.
 *
 * <p>Any thread may call. Before a region is taken away, no CPU may use an address of it any more.
 */
public final class PhysicalMemory {
    /** Bytes of a page. */
    public static final int PAGE_SIZE = 4096;

    /** What {@link #hostAddress} returns where there is no memory. */
    public static final long NONE = 0;

    private final Map<Integer, GuestMemoryRegion> slots = new HashMap<>(); // guarded by this
    private volatile Range[] ranges = {};

    /** A region, with its addresses at hand. */
    private record Range(long base, long size, long host, boolean writable) {
        Range(GuestMemoryRegion region) {
            this(region.base(), region.size(), region.segment().address(), !region.readOnly());
        }
    }

    /** Makes an empty address space. */
    public PhysicalMemory() {}

    /** Adds a region. */
    public synchronized void map(int slot, GuestMemoryRegion region) {
        if (slots.containsKey(slot)) throw new HypervisorException("memory slot " + slot + " is in use");
        Collection<GuestMemoryRegion> others = slots.values();
        for (GuestMemoryRegion other : others) {
            if (region.base() < other.end() && other.base() < region.end()) {
                throw new HypervisorException("memory slot %d: [0x%x, 0x%x) overlaps the one at 0x%x"
                        .formatted(slot, region.base(), region.end(), other.base()));
            }
        }
        slots.put(slot, region);
        HostRanges.add(region.segment().address(), region.size());
        publish();
    }

    /**
     * Takes a region away.
     *
     * @param forget makes all who use the region's addresses forget them; no lock is held meanwhile
     */
    public void unmap(int slot, Runnable forget) {
        GuestMemoryRegion region = take(slot);
        forget.run();
        HostRanges.remove(region.segment().address(), region.size());
    }

    private synchronized GuestMemoryRegion take(int slot) {
        GuestMemoryRegion region = slots.remove(slot);
        if (region == null) throw new HypervisorException("memory slot " + slot + " is not in use");
        publish();
        return region;
    }

    private void publish() {
        ranges = slots.values().stream().map(Range::new).toArray(Range[]::new);
    }

    /** Takes all regions away, before their memory is freed; nobody uses their addresses any more. */
    public synchronized void clear() {
        List.copyOf(slots.keySet()).forEach(slot -> unmap(slot, () -> {}));
    }

    /** The host address of a guest-physical one, good to the end of its page, or {@link #NONE}. */
    public long hostAddress(long gpa) {
        for (Range range : ranges) {
            long offset = gpa - range.base;
            if (offset >= 0 && offset < range.size) return range.host + offset;
        }
        return NONE;
    }

    /** Whether there is memory at {@code gpa} that the guest may write. */
    public boolean writable(long gpa) {
        for (Range range : ranges) {
            long offset = gpa - range.base;
            if (offset >= 0 && offset < range.size) return range.writable;
        }
        return false;
    }
}
