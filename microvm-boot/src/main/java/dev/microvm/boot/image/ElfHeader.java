package dev.microvm.boot.image;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * What an ELF file says about itself: the entry point and the segments.
 *
 * <p>Source: System V ABI, edition 4.1, chapters 4 and 5; System V ABI AMD64 supplement; {@code linux/elf.h}.
 *
 * @param entry virtual or physical address of the first instruction, as the file has it
 * @param segments the program headers, in the file's order
 */
public record ElfHeader(long entry, List<Segment> segments) {
    /** How many bytes of a file {@link #parse} wants to see: the program headers must lie within them. */
    public static final int HEAD_SIZE = 64 * 1024;

    /** Program header type of a segment to load. */
    public static final int PT_LOAD = 1;

    /** Program header type of notes. */
    public static final int PT_NOTE = 4;

    private static final int MAGIC = 0x464C457F; // e_ident[EI_MAG0..3]: 7f 'E' 'L' 'F'
    private static final int EI_CLASS = 4;
    private static final int ELFCLASS64 = 2;
    private static final int EI_DATA = 5;
    private static final int ELFDATA2LSB = 1;
    private static final int E_TYPE = 16; // 2 bytes
    private static final int ET_EXEC = 2;
    private static final int ET_DYN = 3;
    private static final int E_MACHINE = 18; // 2 bytes
    private static final int EM_X86_64 = 62;
    private static final int E_ENTRY = 24; // 8 bytes
    private static final int E_PHOFF = 32; // 8 bytes
    private static final int E_SHOFF = 40; // 8 bytes
    private static final int E_SHNUM = 60; // 2 bytes
    private static final int E_PHENTSIZE = 54; // 2 bytes
    private static final int E_PHNUM = 56; // 2 bytes
    private static final int HEADER_SIZE = 64; // sizeof(Elf64_Ehdr)
    private static final int PROGRAM_HEADER_SIZE = 56; // sizeof(Elf64_Phdr)

    // Elf64_Phdr: offsets
    private static final int P_TYPE = 0; // 4 bytes
    private static final int P_OFFSET = 8; // 8 bytes, as are those that follow
    private static final int P_PADDR = 24;
    private static final int P_FILESZ = 32;
    private static final int P_MEMSZ = 40;

    /** Copies the list. */
    public ElfHeader {
        segments = List.copyOf(segments);
    }

    /**
     * A program header.
     *
     * @param type {@code PT_LOAD}, {@code PT_NOTE} or another
     * @param offset of its bytes in the file
     * @param address guest-physical address of its first byte
     * @param fileSize bytes in the file
     * @param memorySize bytes in memory, not less than {@code fileSize}; the difference is zeros
     */
    public record Segment(int type, long offset, long address, long fileSize, long memorySize) {
        /** First byte in the file that does not belong to it. */
        public long fileEnd() {
            return offset + fileSize;
        }

        /** First guest-physical address after it. */
        public long end() {
            return address + memorySize;
        }
    }

    /** Whether these bytes begin as an ELF file does. */
    public static boolean matches(byte[] head) {
        return head.length >= Integer.BYTES && LittleEndian.getInt(head, 0) == MAGIC;
    }

    /**
     * Reads and checks the headers.
     *
     * @param head the first {@link #HEAD_SIZE} bytes of the file, or all if there are fewer
     * @param size of the whole file in bytes, or the most it can be
     * @throws InvalidImageException if this is not a 64-bit x86-64 executable whose segments lie within it
     */
    public static ElfHeader parse(byte[] head, long size) {
        if (!matches(head)) {
            throw new InvalidImageException("an ELF file", "one that begins with " + Hex.start(head));
        }
        if (head.length < HEADER_SIZE) {
            throw new InvalidImageException(
                    "an ELF header of %d bytes".formatted(HEADER_SIZE), "%d bytes".formatted(head.length));
        }
        checkIdentity(head);
        List<Segment> segments = parseSegments(head, size);
        ElfHeader header = new ElfHeader(LittleEndian.getLong(head, E_ENTRY), segments);
        if (header.loads().isEmpty()) {
            throw new InvalidImageException("an ELF file with a segment to load", "none of type PT_LOAD");
        }
        header.checkOverlaps();
        return header;
    }

    // Loops and no streams from here on: this is on the way from a cold start to the kernel's first instruction.

    /** The segments to load that are not empty, by rising file offset: the order in which a stream has them. */
    public List<Segment> loads() {
        List<Segment> loads = new ArrayList<>();
        for (Segment segment : segments) {
            if (segment.type() == PT_LOAD && segment.memorySize() > 0) loads.add(segment);
        }
        loads.sort(Comparator.comparingLong(Segment::offset));
        return loads;
    }

    /** The lowest guest-physical address that is loaded. */
    public long start() {
        long start = Long.MAX_VALUE;
        for (Segment segment : loads()) {
            start = Math.min(start, segment.address());
        }
        return start;
    }

    /** The first guest-physical address after everything that is loaded. */
    public long end() {
        long end = 0;
        for (Segment segment : loads()) {
            end = Math.max(end, segment.end());
        }
        return end;
    }

    /** How many bytes of the file matter: those up to the end of the last segment. */
    public long fileEnd() {
        long end = 0;
        for (Segment segment : segments) {
            end = Math.max(end, segment.fileEnd());
        }
        return end;
    }

    private static void checkIdentity(byte[] head) {
        if (head[EI_CLASS] != ELFCLASS64) {
            throw new InvalidImageException(
                    "a 64-bit ELF file (class %d)".formatted(ELFCLASS64), "class %d".formatted(head[EI_CLASS]));
        }
        int machine = LittleEndian.getUnsignedShort(head, E_MACHINE);
        if (head[EI_DATA] != ELFDATA2LSB || machine != EM_X86_64) {
            throw new InvalidImageException(
                    "an ELF file for x86-64 (machine %d, little-endian)".formatted(EM_X86_64),
                    "machine %d, data encoding %d".formatted(machine, head[EI_DATA]));
        }
        int type = LittleEndian.getUnsignedShort(head, E_TYPE);
        if (type != ET_EXEC && type != ET_DYN) {
            throw new InvalidImageException(
                    "an executable ELF file (type %d or %d)".formatted(ET_EXEC, ET_DYN), "type %d".formatted(type));
        }
        int entrySize = LittleEndian.getUnsignedShort(head, E_PHENTSIZE);
        if (entrySize != PROGRAM_HEADER_SIZE) {
            throw new InvalidImageException(
                    "ELF program headers of %d bytes".formatted(PROGRAM_HEADER_SIZE), "%d bytes".formatted(entrySize));
        }
    }

    /** Clears what the header at the start of {@code head} says of sections. */
    static void forgetSections(byte[] head) {
        Arrays.fill(head, E_SHOFF, E_SHOFF + Long.BYTES, (byte) 0);
        Arrays.fill(head, E_SHNUM, E_SHNUM + 2 * Short.BYTES, (byte) 0); // with e_shstrndx behind it
    }

    private static List<Segment> parseSegments(byte[] head, long size) {
        long table = LittleEndian.getLong(head, E_PHOFF);
        int count = LittleEndian.getUnsignedShort(head, E_PHNUM);
        long tableSize = (long) count * PROGRAM_HEADER_SIZE;
        if (table < HEADER_SIZE || table > head.length || tableSize > head.length - table) {
            throw new InvalidImageException(
                    "%d ELF program headers within the first 0x%x bytes".formatted(count, head.length),
                    "them at [0x%x, +0x%x)".formatted(table, tableSize));
        }
        List<Segment> segments = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            int at = (int) table + i * PROGRAM_HEADER_SIZE;
            int type = LittleEndian.getInt(head, at + P_TYPE);
            if (type != PT_LOAD && type != PT_NOTE) continue;
            Segment segment = new Segment(
                    type,
                    LittleEndian.getLong(head, at + P_OFFSET),
                    LittleEndian.getLong(head, at + P_PADDR),
                    LittleEndian.getLong(head, at + P_FILESZ),
                    LittleEndian.getLong(head, at + P_MEMSZ));
            checkSegment(i, segment, size);
            segments.add(segment);
        }
        return segments;
    }

    private static void checkSegment(int index, Segment segment, long size) {
        if (segment.offset() < 0
                || segment.fileSize() < 0
                || segment.offset() > size
                || segment.fileSize() > size - segment.offset()) {
            throw new InvalidImageException(
                    "ELF segment %d within the image's 0x%x bytes".formatted(index, size),
                    "it at file offset [0x%x, +0x%x): the image is cut short"
                            .formatted(segment.offset(), segment.fileSize()));
        }
        if (segment.type() != PT_LOAD) return;
        if (segment.memorySize() < segment.fileSize() || segment.address() < 0 || segment.end() < 0) {
            throw new InvalidImageException(
                    "ELF segment %d with a memory size of at least its file size 0x%x, below 2^63"
                            .formatted(index, segment.fileSize()),
                    "it at address 0x%x with memory size 0x%x".formatted(segment.address(), segment.memorySize()));
        }
    }

    /** What is loaded is read in one pass over the file, so two segments may not share bytes of it. */
    private void checkOverlaps() {
        long end = 0;
        for (Segment segment : loads()) {
            if (segment.fileSize() > 0 && segment.offset() < end) {
                throw new InvalidImageException(
                        "ELF segments that share no bytes of the file",
                        "one at offset 0x%x though another ends at 0x%x".formatted(segment.offset(), end));
            }
            end = Math.max(end, segment.fileEnd());
        }
    }
}
