package dev.microvm.boot.image;

import dev.microvm.boot.image.ElfHeader.Segment;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The header in the first 8 KiB of a Multiboot kernel: its requirements for a boot loader.
 *
 * <p>Source: Multiboot Specification 0.6.96, 3.1; names are its names.
 *
 * @param offset its offset in the file
 * @param flags the kernel's requirements (bits 0 to 15) and other facts (bits 16 to 31)
 * @param addresses the addresses of a flat kernel; null if the ELF headers have them
 */
public record MultibootHeader(
        int offset, int flags, @Nullable Addresses addresses) {
    /** Number of bytes of a file that {@link #find} needs: the whole header lies within them. */
    public static final int SEARCH_SIZE = 8192;

    /** The size of a file that is not known before it is unpacked. */
    public static final long UNKNOWN_SIZE = Long.MAX_VALUE;

    private static final int ALIGNMENT = 4; // of the header in the file

    // Offsets in the header; each field has 4 bytes
    private static final int MAGIC = 0;
    private static final int FLAGS = 4;
    private static final int CHECKSUM = 8;
    private static final int HEADER_ADDR = 12;
    private static final int LOAD_ADDR = 16;
    private static final int LOAD_END_ADDR = 20;
    private static final int BSS_END_ADDR = 24;
    private static final int ENTRY_ADDR = 28;
    private static final int MIN_SIZE = 12; // without addresses
    private static final int SIZE_WITH_ADDRESSES = 32;

    private static final int MAGIC_VALUE = 0x1BADB002;

    // Flags: 3.1.2. A loader must refuse a kernel if it does not support one of bits 0 to 15.
    private static final int PAGE_ALIGNED_MODULES = 1 << 0;
    private static final int MEMORY_INFORMATION = 1 << 1;
    private static final int VIDEO_MODE = 1 << 2;
    private static final int HAS_ADDRESSES = 1 << 16;
    private static final int REQUIREMENTS = 0xFFFF;
    private static final int FULFILLED = PAGE_ALIGNED_MODULES | MEMORY_INFORMATION;

    /**
     * The address fields: 3.1.3. All are guest-physical and below 4 GiB.
     *
     * @param header address of the header itself, from which those of the rest of the file follow
     * @param load first address of the bytes that are loaded from the file
     * @param loadEnd first address after these bytes; 0 to load the rest of the file
     * @param bssEnd first address after the zeros that follow; 0 if there are none
     * @param entry address of the first instruction
     */
    public record Addresses(long header, long load, long loadEnd, long bssEnd, long entry) {}

    /**
     * Looks for the header.
     *
     * @param head the first {@link #SEARCH_SIZE} bytes of the file or more, or all if there are
     *     fewer
     * @return the header; empty if there is no complete one with a correct checksum
     */
    public static Optional<MultibootHeader> find(byte[] head) {
        int end = Math.min(head.length, SEARCH_SIZE);
        for (int at = 0; at <= end - MIN_SIZE; at += ALIGNMENT) {
            if (!hasMagic(head, at) || LittleEndian.getInt(head, at + CHECKSUM) != checksum(head, at)) continue;
            if (size(head, at) <= end - at) return Optional.of(parse(head, at));
        }
        return Optional.empty();
    }

    /** Says why {@link #find} finds none in {@code head}, for a message. */
    public static String absence(byte[] head) {
        int end = Math.min(head.length, SEARCH_SIZE);
        for (int at = 0; at <= end - MIN_SIZE; at += ALIGNMENT) {
            if (!hasMagic(head, at)) continue;
            int checksum = LittleEndian.getInt(head, at + CHECKSUM);
            return checksum == checksum(head, at)
                    ? "one at offset 0x%x that is cut off at 0x%x".formatted(at, end)
                    : "one at offset 0x%x with checksum 0x%x instead of 0x%x"
                            .formatted(at, checksum, checksum(head, at));
        }
        return "none in the first %d bytes".formatted(end);
    }

    private static boolean hasMagic(byte[] head, int at) {
        return LittleEndian.getInt(head, at + MAGIC) == MAGIC_VALUE;
    }

    /** Returns the checksum with which magic number, flags and checksum add up to 0. */
    private static int checksum(byte[] head, int at) {
        return -(MAGIC_VALUE + LittleEndian.getInt(head, at + FLAGS));
    }

    private static int size(byte[] head, int at) {
        return (LittleEndian.getInt(head, at + FLAGS) & HAS_ADDRESSES) == 0 ? MIN_SIZE : SIZE_WITH_ADDRESSES;
    }

    private static MultibootHeader parse(byte[] head, int at) {
        int flags = LittleEndian.getInt(head, at + FLAGS);
        if ((flags & HAS_ADDRESSES) == 0) return new MultibootHeader(at, flags, null);
        Addresses addresses = new Addresses(
                LittleEndian.getUnsignedInt(head, at + HEADER_ADDR),
                LittleEndian.getUnsignedInt(head, at + LOAD_ADDR),
                LittleEndian.getUnsignedInt(head, at + LOAD_END_ADDR),
                LittleEndian.getUnsignedInt(head, at + BSS_END_ADDR),
                LittleEndian.getUnsignedInt(head, at + ENTRY_ADDR));
        return new MultibootHeader(at, flags, addresses);
    }

    /** Whether the header has addresses, which also replace those of an ELF file. */
    public boolean isFlat() {
        return addresses != null;
    }

    /**
     * Checks that all requirements of the kernel are supported.
     *
     * @throws InvalidImageException if one is not
     */
    public void requireFulfilled() {
        int missing = flags & REQUIREMENTS & ~FULFILLED;
        if (missing == 0) return;
        throw new InvalidImageException(
                "a Multiboot header that requires no more than page-aligned modules (bit 0) and memory information (bit 1)",
                "flags 0x%x%s"
                        .formatted(
                                flags,
                                (missing & VIDEO_MODE) == 0
                                        ? ""
                                        : ": bit 2 requires a video mode, and there is no display"));
    }

    /**
     * Returns equivalent ELF headers with one segment.
     *
     * @param size of the whole file in bytes, or {@link #UNKNOWN_SIZE}
     * @throws InvalidImageException if there are no addresses, or they contradict each other or the
     *     file's size
     */
    public ElfHeader asElf(long size) {
        Addresses at = addresses;
        if (at == null)
            throw new InvalidImageException(
                    "a Multiboot header with addresses (bit 16) in a file that is not ELF", "none");
        long start = offset - (at.header() - at.load()); // in the file
        if (at.load() > at.header() || start < 0) {
            throw new InvalidImageException(
                    "a load_addr at most 0x%x below header_addr 0x%x, where the file begins"
                            .formatted(offset, at.header()),
                    "load_addr 0x%x".formatted(at.load()));
        }
        if (at.loadEnd() == 0 && size == UNKNOWN_SIZE) {
            throw new InvalidImageException(
                    "a load_end_addr in a compressed file, whose size is not known before it is unpacked", "0");
        }
        long fileSize = fileSize(at, size - start);
        long memorySize = at.bssEnd() == 0 ? fileSize : at.bssEnd() - at.load();
        if (memorySize < fileSize) {
            throw new InvalidImageException(
                    "a bss_end_addr of 0, or at or above 0x%x where the file's bytes end"
                            .formatted(at.load() + fileSize),
                    "bss_end_addr 0x%x".formatted(at.bssEnd()));
        }
        Segment all = new Segment(ElfHeader.PT_LOAD, start, at.load(), at.load(), fileSize, memorySize);
        return new ElfHeader(/* is64Bit= */ false, at.entry(), List.of(all));
    }

    /**
     * Returns how many bytes to load; {@code rest} is the number of bytes from the first of them to
     * the end of the file.
     */
    private static long fileSize(Addresses at, long rest) {
        if (at.loadEnd() == 0) return rest;
        long fileSize = at.loadEnd() - at.load();
        if (fileSize < 0 || fileSize > rest) {
            throw new InvalidImageException(
                    "a load_end_addr of 0, or at most 0x%x above load_addr 0x%x, which is what the file has"
                            .formatted(rest, at.load()),
                    "load_end_addr 0x%x".formatted(at.loadEnd()));
        }
        return fileSize;
    }
}
