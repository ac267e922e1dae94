package dev.microvm.bus;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Maps the addresses of one address space to devices. Any thread may call any method. Lookups take
 * no lock; a change is visible to the next lookup.
 */
public final class Bus {
    /**
     * One row of a bus map: {@code device} serves {@code [base, base + size)}, in bytes;
     * {@code name} is for messages.
     */
    public record Mapping(long base, long size, String name, BusDevice device) {
        /** Checks that no component is null. */
        public Mapping {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(device, "device");
        }
    }

    private final String name;

    /** Sorted by base and never changed once published. */
    private volatile Mapping[] mappings = {};

    /** Makes an empty bus; {@code name} appears in error messages. */
    public Bus(String name) {
        this.name = Objects.requireNonNull(name, "name");
    }

    /**
     * Puts a device on the bus.
     *
     * @throws IllegalArgumentException if the range is empty, wraps, or overlaps a device already
     *     on the bus
     */
    public synchronized void add(long base, long size, String deviceName, BusDevice device) {
        Objects.requireNonNull(deviceName, "deviceName");
        Objects.requireNonNull(device, "device");
        if (base < 0 || size <= 0 || base + size < 0) {
            throw new IllegalArgumentException("%s bus: range [0x%x, +0x%x) of %s must not be empty or exceed 2^63"
                    .formatted(name, base, size, deviceName));
        }
        Mapping[] old = mappings;
        int at = 0;
        while (at < old.length && old[at].base < base) at++;
        if (at > 0 && old[at - 1].base + old[at - 1].size > base) throw overlap(base, size, deviceName, old[at - 1]);
        if (at < old.length && base + size > old[at].base) throw overlap(base, size, deviceName, old[at]);
        Mapping[] grown = new Mapping[old.length + 1];
        System.arraycopy(old, 0, grown, 0, at);
        grown[at] = new Mapping(base, size, deviceName, device);
        System.arraycopy(old, at, grown, at + 1, old.length - at);
        mappings = grown;
    }

    /**
     * Reads {@code size} bytes: 1, 2, 4 or 8. If no device covers the whole access, all bits of the
     * result are set, as on a PC bus that floats high.
     */
    public long read(long address, int size) {
        Mapping m = find(address, size);
        return m == null ? -1L >>> (64 - 8 * size) : m.device.read(address - m.base, size);
    }

    /**
     * Writes {@code size} bytes: 1, 2, 4 or 8. Does nothing if no device covers the whole access.
     */
    public void write(long address, int size, long value) {
        Mapping m = find(address, size);
        if (m != null) m.device.write(address - m.base, size, value);
    }

    /** Returns a snapshot of the bus map, by rising address. */
    public List<Mapping> mappings() {
        return Arrays.asList(mappings.clone());
    }

    /**
     * Returns the device at an address, or null; an access that straddles the end of a range finds
     * none.
     */
    private @Nullable Mapping find(long address, int size) {
        Mapping[] all = mappings;
        int low = 0;
        int high = all.length - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            Mapping m = all[middle];
            long offset = address - m.base;
            if (offset < 0) {
                high = middle - 1;
            } else if (offset >= m.size) {
                low = middle + 1;
            } else {
                return m.size - offset >= size ? m : null;
            }
        }
        return null;
    }

    private IllegalArgumentException overlap(long base, long size, String deviceName, Mapping there) {
        return new IllegalArgumentException(
                "%s bus: %s at [0x%x, +0x%x) overlaps %s at [0x%x, +0x%x): choose a free range"
                        .formatted(name, deviceName, base, size, there.name, there.base, there.size));
    }
}
