package dev.microvm.boot.tables;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;

/**
 * A memory map: which guest-physical addresses are RAM and which are reserved.
 *
 * <p>Source: ACPI 6.5, 15.4.1, table 15.4 (address range types). The Linux zero page and the PVH
 * start info use the same types.
 *
 * @param entries by rising address, without overlap
 */
public record E820Map(List<Entry> entries) {
    /**
     * Maximum number of entries, as in a zero page: Linux asm/e820/types.h,
     * E820_MAX_ENTRIES_ZEROPAGE.
     */
    public static final int MAX_ENTRIES = 128;

    private static final int ENTRY_SIZE = 20; // bytes

    /** The type of an address range. */
    public enum Type {
        /** AddressRangeMemory. */
        RAM(1),
        /** AddressRangeReserved. */
        RESERVED(2),
        /** AddressRangeACPI: tables, to be reclaimed once they are read. */
        ACPI(3);

        private final int code;

        Type(int code) {
            this.code = code;
        }

        /** Returns its number in tables. */
        public int code() {
            return code;
        }
    }

    /**
     * One range.
     *
     * @param start first guest-physical address
     * @param size in bytes, above 0
     * @param type what it is
     */
    public record Entry(long start, long size, Type type) {
        /** Checks that the range is neither empty nor past 2^63. */
        public Entry {
            Objects.requireNonNull(type, "type");
            if (start < 0 || size <= 0 || start + size < 0) {
                throw new IllegalArgumentException(
                        "a memory map entry must not be empty and must end below 2^63, was [0x%x, +0x%x)"
                                .formatted(start, size));
            }
        }

        /** First address after it. */
        public long end() {
            return start + size;
        }
    }

    /** Checks the order. */
    public E820Map {
        Objects.requireNonNull(entries, "entries");
        entries = List.copyOf(entries);
        if (entries.size() > MAX_ENTRIES) {
            throw new IllegalArgumentException(
                    "a memory map has at most %d entries, not %d".formatted(MAX_ENTRIES, entries.size()));
        }
        long end = 0;
        for (Entry entry : entries) {
            if (entry.start() < end) {
                throw new IllegalArgumentException(
                        "memory map entries overlap or are out of order at 0x%x".formatted(entry.start()));
            }
            end = entry.end();
        }
    }

    /** Whether one range of RAM contains all of {@code [start, end)}. */
    public boolean isRam(long start, long end) {
        for (Entry entry : entries) {
            if (entry.type() == Type.RAM && start >= entry.start() && end <= entry.end()) return true;
        }
        return false;
    }

    /** The first address after the RAM below {@code limit}; 0 if there is none. */
    public long ramEndBelow(long limit) {
        long end = 0;
        for (Entry entry : entries) {
            if (entry.type() == Type.RAM && entry.start() < limit) end = Math.min(entry.end(), limit);
        }
        return end;
    }

    /**
     * The map as BIOS calls and fw_cfg give it: 20 bytes for each entry, address, size, type,
     * little-endian.
     */
    public byte[] bytes() {
        ByteBuffer bytes = ByteBuffer.allocate(entries.size() * ENTRY_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        for (Entry entry : entries) {
            bytes.putLong(entry.start())
                    .putLong(entry.size())
                    .putInt(entry.type().code());
        }
        return bytes.array();
    }

    /** Returns this with another range, such as a device's memory, which must overlap no other. */
    public E820Map with(Entry entry) {
        Objects.requireNonNull(entry, "entry");
        List<Entry> all = new ArrayList<>(entries);
        all.add(entry);
        all.sort(Comparator.comparingLong(Entry::start));
        return new E820Map(all);
    }
}
