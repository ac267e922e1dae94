package dev.microvm.boot.image;

import dev.microvm.boot.image.ElfHeader.Segment;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The header that a Multiboot kernel has somewhere in its first 8 KiB: what it wants from a boot loader.
 *
 * <p>Source: Multiboot Specification 0.6.96, 3.1; names are its names.
 *
 * @param offset where it begins in the file
 * @param flags what the kernel requires (bits 0 to 15) and what else it says (bits 16 to 31)
 * @param addresses where a flat kernel goes; null if the ELF headers say it
 */
public record MultibootHeader(
        int offset, int flags, @Nullable Addresses addresses) {
    /** How many bytes of a file {@link #find} wants to see: the whole header lies within them. */
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

    // Flags: 3.1.2. A loader that cannot do what one of bits 0 to 15 asks for must refuse.
    private static final int PAGE_ALIGNED_MODULES = 1 << 0;
    private static final int MEMORY_INFORMATION = 1 << 1;
    private static final int VIDEO_MODE = 1 << 2;
    private static final int HAS_ADDRESSES = 1 << 16;
    private static final int REQUIREMENTS = 0xFFFF;
    private static final int FULFILLED = PAGE_ALIGNED_MODULES | MEMORY_INFORMATION;

    /**
     * The address fields: 3.1.3. All are guest-physical and below 4 GiB.
     *
     * @param header where the header itself goes, which tells where the rest of the file goes
     * @param load first address of what is loaded from the file
     * @param loadEnd first address after it; 0 if it is all the rest of the file
     * @param bssEnd first address after the zeros behind it; 0 if there are none
     * @param entry address of the first instruction
     */
    public record Addresses(long header, long load, long loadEnd, long bssEnd, long entry) {}

    /**
     * Looks for the header.
     *
     * @param head the first {@link #SEARCH_SIZE} bytes of the file or more, or all if there are fewer
     * @return empty if there is none that is whole and whose checksum is right
     */
    public static Optional<MultibootHeader> find(byte[] head) {
        int end = Math.min(head.length, SEARCH_SIZE);
        for (int at = 0; at <= end - MIN_SIZE; at += ALIGNMENT) {
            if (!hasMagic(head, at) || LittleEndian.getInt(head, at + CHECKSUM) != checksum(head, at)) continue;
            if (size(head, at) <= end - at) return Optional.of(parse(head, at));
        }
        return Optional.empty();
    }

    /** Why {@link #find} finds none in {@code head}, for a message. */
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

    /** What makes magic, flags and checksum add up to 0. */
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

    /** Whether the kernel is flat: whatever file it is in, these addresses say where it goes. */
    public boolean isFlat() {
        return addresses != null;
    }

    /**
     * Checks that the kernel requires nothing that it would not get.
     *
     * @throws InvalidImageException if it does
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
     * A flat kernel as if it were an ELF file with one segment.
     *
     * @param size of the whole file in bytes, or {@link #UNKNOWN_SIZE}
     * @throws InvalidImageException if there are no addresses, or they contradict each other or the file's size
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

    /** How many bytes to load of {@code rest} that are in the file from the first of them on. */
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
