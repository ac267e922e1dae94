package dev.microvm.memory;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;

/**
 * The guest's physical memory: a fixed set of {@link GuestMemoryRegion regions} with
 * bounds-checked, little-endian accessors.
 *
 * <p>Any thread may call any method. The guest's vCPUs change the same memory at the same time, so
 * read a word once and check the value you read. Unaligned plain accesses are not atomic. Every
 * method that takes an address throws {@link GuestMemoryException} if the access does not lie
 * entirely inside one region, and {@link IllegalStateException} after the machine that owns the
 * memory is closed.
 */
public final class GuestMemory {
    private static final ValueLayout.OfShort LE_SHORT = JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE_INT = JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE_LONG = JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle ALIGNED_SHORT =
            JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private final List<GuestMemoryRegion> regions;
    private final GuestMemoryRegion[] sorted;
    // The fields of the regions, sorted by base: a lookup touches no object but the segment it finds.
    private final long[] bases;
    private final long[] sizes;
    private final MemorySegment[] segments;

    /**
     * Makes guest memory from these regions.
     *
     * @param regions in any order
     * @throws IllegalArgumentException if two regions overlap
     */
    public GuestMemory(List<GuestMemoryRegion> regions) {
        Objects.requireNonNull(regions, "regions");
        this.regions = regions.stream()
                .sorted(Comparator.comparingLong(GuestMemoryRegion::base))
                .toList();
        int n = regions.size();
        sorted = this.regions.toArray(GuestMemoryRegion[]::new);
        bases = new long[n];
        sizes = new long[n];
        segments = new MemorySegment[n];
        long end = 0;
        for (int i = 0; i < n; i++) {
            GuestMemoryRegion region = this.regions.get(i);
            if (region.base() < end) {
                throw new IllegalArgumentException("guest memory regions overlap at 0x%x".formatted(region.base()));
            }
            end = region.end();
            bases[i] = region.base();
            sizes[i] = region.size();
            segments[i] = region.segment();
        }
    }

    /** Returns the regions, by rising address. */
    public List<GuestMemoryRegion> regions() {
        return regions;
    }

    /** Returns the total size of all regions in bytes. */
    public long size() {
        return regions.stream().mapToLong(GuestMemoryRegion::size).sum();
    }

    /**
     * Returns whether {@code [gpa, gpa + size)} lies entirely inside one region; {@code size} may
     * be 0.
     */
    public boolean contains(long gpa, long size) {
        return find(gpa, size) >= 0;
    }

    /** Reads one byte, 0 to 255. */
    public int getByte(long gpa) {
        int i = region(gpa, Byte.BYTES);
        return segments[i].get(JAVA_BYTE, gpa - bases[i]) & 0xFF;
    }

    /** Reads a little-endian 16-bit value, 0 to 65535; {@code gpa} need not be aligned. */
    public int getShort(long gpa) {
        int i = region(gpa, Short.BYTES);
        return Short.toUnsignedInt(segments[i].get(LE_SHORT, gpa - bases[i]));
    }

    /** Reads a little-endian 32-bit value; {@code gpa} need not be aligned. */
    public int getInt(long gpa) {
        int i = region(gpa, Integer.BYTES);
        return segments[i].get(LE_INT, gpa - bases[i]);
    }

    /** Reads a little-endian 64-bit value; {@code gpa} need not be aligned. */
    public long getLong(long gpa) {
        int i = region(gpa, Long.BYTES);
        return segments[i].get(LE_LONG, gpa - bases[i]);
    }

    /** Writes the low byte of {@code value}. */
    public void putByte(long gpa, int value) {
        int i = region(gpa, Byte.BYTES);
        segments[i].set(JAVA_BYTE, gpa - bases[i], (byte) value);
    }

    /** Writes the low 16 bits of {@code value}, little-endian; {@code gpa} need not be aligned. */
    public void putShort(long gpa, int value) {
        int i = region(gpa, Short.BYTES);
        segments[i].set(LE_SHORT, gpa - bases[i], (short) value);
    }

    /** Writes a 32-bit value, little-endian; {@code gpa} need not be aligned. */
    public void putInt(long gpa, int value) {
        int i = region(gpa, Integer.BYTES);
        segments[i].set(LE_INT, gpa - bases[i], value);
    }

    /** Writes a 64-bit value, little-endian; {@code gpa} need not be aligned. */
    public void putLong(long gpa, long value) {
        int i = region(gpa, Long.BYTES);
        segments[i].set(LE_LONG, gpa - bases[i], value);
    }

    /**
     * Reads a 16-bit index that the guest publishes, with acquire semantics: what the guest wrote
     * before the index is visible afterwards.
     *
     * @param gpa even address; an odd one throws {@link IllegalArgumentException}, so check it when
     *     the guest configures it
     */
    public int getShortAcquire(long gpa) {
        int i = region(gpa, Short.BYTES);
        return Short.toUnsignedInt((short) ALIGNED_SHORT.getAcquire(segments[i], gpa - bases[i]));
    }

    /** Publishes a 16-bit index to the guest with release semantics; {@code gpa} must be even. */
    public void putShortRelease(long gpa, int value) {
        int i = region(gpa, Short.BYTES);
        ALIGNED_SHORT.setRelease(segments[i], gpa - bases[i], (short) value);
    }

    /**
     * Returns the region that contains {@code [gpa, gpa + size)}, for bulk access without
     * allocation: the range begins at offset {@code gpa - base()} of the region's segment.
     */
    public GuestMemoryRegion regionOf(long gpa, long size) {
        return sorted[region(gpa, size)];
    }

    /**
     * Returns the host's view of {@code [gpa, gpa + size)}, for bulk access. Its bounds are exactly
     * that range.
     */
    public MemorySegment slice(long gpa, long size) {
        int i = region(gpa, size);
        return segments[i].asSlice(gpa - bases[i], size);
    }

    /** Copies all of {@code bytes} to {@code gpa}. */
    public void write(long gpa, byte[] bytes) {
        Objects.requireNonNull(bytes, "bytes");
        MemorySegment.copy(bytes, 0, slice(gpa, bytes.length), JAVA_BYTE, 0, bytes.length);
    }

    /** Returns a copy of {@code length} bytes from {@code gpa}. */
    public byte[] read(long gpa, int length) {
        return slice(gpa, length).toArray(JAVA_BYTE);
    }

    private int region(long gpa, long size) { // the one check between the guest and the JVM
        int i = find(gpa, size);
        if (i < 0) throw new GuestMemoryException(gpa, size);
        return i;
    }

    private int find(long gpa, long size) {
        // Linear: a machine has two or three regions, and RAM comes first. A negative size or a gpa below the base
        // fails the comparisons, so it finds no region.
        for (int i = 0; i < bases.length; i++) {
            long offset = gpa - bases[i];
            if (offset >= 0 && size >= 0 && offset <= sizes[i] && size <= sizes[i] - offset) return i;
        }
        return -1;
    }
}
