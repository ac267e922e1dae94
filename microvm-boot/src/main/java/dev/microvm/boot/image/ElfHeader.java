package dev.microvm.boot.image;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * The headers of an ELF file: the entry point and the segments.
 *
 * <p>Source: System V ABI, edition 4.1, chapters 4 and 5; its supplements for AMD64 and Intel386;
 * {@code linux/elf.h}.
 *
 * @param is64Bit whether the file is for x86-64; otherwise it is for 32-bit x86
 * @param entry virtual or physical address of the first instruction, as the file has it
 * @param segments the program headers, in the file's order
 */
public record ElfHeader(boolean is64Bit, long entry, List<Segment> segments) {
    /**
     * Number of bytes of a file that {@link #parse} needs: the program headers must lie within
     * them.
     */
    public static final int HEAD_SIZE = 64 * 1024;

    /** Program header type of a segment to load. */
    public static final int PT_LOAD = 1;

    /** Program header type of notes. */
    public static final int PT_NOTE = 4;

    private static final int MAGIC = 0x464C457F; // e_ident[EI_MAG0..3]: 7f 'E' 'L' 'F'
    private static final int EI_CLASS = 4;
    private static final int EI_DATA = 5;
    private static final int ELFDATA2LSB = 1;
    private static final int E_TYPE = 16; // 2 bytes
    private static final int ET_EXEC = 2;
    private static final int ET_DYN = 3;
    private static final int E_MACHINE = 18; // 2 bytes
    private static final int E_ENTRY = 24; // as wide as an address, and so are e_phoff and e_shoff behind it
    private static final int P_TYPE = 0; // 4 bytes

    /**
     * The two classes of files. Their headers have the same fields, but addresses and file offsets
     * are of 4 or 8 bytes. Only {@code p_flags}, which is not read here, has another place among
     * the others.
     */
    private enum Format {
        ELF32(1, 3, Integer.BYTES, 32),
        ELF64(2, 62, Long.BYTES, 56);

        private final int elfClass; // e_ident[EI_CLASS]
        private final int machine; // EM_386, EM_X86_64
        private final int word; // bytes of an address
        private final int programHeaderSize; // sizeof(Elf32_Phdr), sizeof(Elf64_Phdr)

        Format(int elfClass, int machine, int word, int programHeaderSize) {
            this.elfClass = elfClass;
            this.machine = machine;
            this.word = word;
            this.programHeaderSize = programHeaderSize;
        }

        static Format of(byte[] head) {
            for (Format format : values()) {
                if (head[EI_CLASS] == format.elfClass) return format;
            }
            throw new InvalidImageException(
                    "a 64-bit or 32-bit ELF file (class %d or %d)".formatted(ELF64.elfClass, ELF32.elfClass),
                    "class %d".formatted(head[EI_CLASS]));
        }

        long getWord(byte[] head, int at) {
            return word == Long.BYTES ? LittleEndian.getLong(head, at) : LittleEndian.getUnsignedInt(head, at);
        }

        // Elf32_Ehdr, Elf64_Ehdr: what follows e_entry
        int phoff() {
            return E_ENTRY + word;
        }

        int shoff() {
            return E_ENTRY + 2 * word;
        }

        int phentsize() { // 2 bytes, as are those that follow; e_flags and e_ehsize are before it
            return E_ENTRY + 3 * word + 6;
        }

        int phnum() {
            return phentsize() + 2;
        }

        int shnum() {
            return phentsize() + 6;
        }

        int headerSize() { // sizeof(Elf32_Ehdr), sizeof(Elf64_Ehdr)
            return phentsize() + 10;
        }

        // Elf32_Phdr, Elf64_Phdr
        Segment segment(byte[] head, int at) {
            return new Segment(
                    LittleEndian.getInt(head, at + P_TYPE),
                    /* p_offset */ getWord(head, at + word),
                    /* p_vaddr */ getWord(head, at + 2 * word),
                    /* p_paddr */ getWord(head, at + 3 * word),
                    /* p_filesz */ getWord(head, at + 4 * word),
                    /* p_memsz */ getWord(head, at + 5 * word));
        }
    }

    /** Copies the list. */
    public ElfHeader {
        segments = List.copyOf(segments);
    }

    /**
     * A program header.
     *
     * @param type {@code PT_LOAD}, {@code PT_NOTE} or another
     * @param offset of its bytes in the file
     * @param virtualAddress address of its first byte after the kernel has set up paging
     * @param address guest-physical address of its first byte
     * @param fileSize bytes in the file
     * @param memorySize bytes in memory, not less than {@code fileSize}; the difference is zeros
     */
    public record Segment(int type, long offset, long virtualAddress, long address, long fileSize, long memorySize) {
        /** Returns the offset in the file after its last byte. */
        public long fileEnd() {
            return offset + fileSize;
        }

        /** Returns the first guest-physical address after it. */
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
     * @throws InvalidImageException if this is not an executable for x86, or a segment lies outside
     *     the file
     */
    public static ElfHeader parse(byte[] head, long size) {
        if (!matches(head)) {
            throw new InvalidImageException("an ELF file", "one that begins with " + Hex.start(head));
        }
        if (head.length <= EI_CLASS) throw tooShort(head, Format.ELF32);
        Format format = Format.of(head);
        if (head.length < format.headerSize()) throw tooShort(head, format);
        refuseOtherProcessor(head);
        checkIdentity(head, format);
        List<Segment> segments = parseSegments(head, size, format);
        ElfHeader header = new ElfHeader(format == Format.ELF64, format.getWord(head, E_ENTRY), segments);
        if (header.loads().isEmpty()) {
            throw new InvalidImageException("an ELF file with a segment to load", "none of type PT_LOAD");
        }
        header.checkOverlaps();
        header.checkMemoryOverlaps();
        return header;
    }

    // Loops instead of streams from here on: this code runs between a cold start and the kernel's first instruction.

    /**
     * Returns the non-empty segments to load, by rising file offset, which is the order of a
     * stream.
     */
    public List<Segment> loads() {
        List<Segment> loads = new ArrayList<>();
        for (Segment segment : segments) {
            if (segment.type() == PT_LOAD && segment.memorySize() > 0) loads.add(segment);
        }
        loads.sort(Comparator.comparingLong(Segment::offset));
        return loads;
    }

    /** Returns the segments with notes, by rising file offset. */
    List<Segment> notes() {
        List<Segment> notes = new ArrayList<>();
        for (Segment segment : segments) {
            if (segment.type() == PT_NOTE) notes.add(segment);
        }
        notes.sort(Comparator.comparingLong(Segment::offset));
        return notes;
    }

    /** Returns the lowest guest-physical address that is loaded. */
    public long start() {
        long start = Long.MAX_VALUE;
        for (Segment segment : loads()) {
            start = Math.min(start, segment.address());
        }
        return start;
    }

    /** Returns the first guest-physical address after everything that is loaded. */
    public long end() {
        long end = 0;
        for (Segment segment : loads()) {
            end = Math.max(end, segment.end());
        }
        return end;
    }

    /**
     * Returns the guest-physical address of the first instruction. A virtual entry point is
     * translated by its segment; if no segment contains it, it is returned unchanged.
     */
    public long physicalEntry() {
        for (Segment segment : loads()) {
            long offset = entry - segment.virtualAddress();
            if (Long.compareUnsigned(offset, segment.memorySize()) < 0) return segment.address() + offset;
        }
        return entry;
    }

    /** Returns how many bytes of the file are needed: those up to the end of the last segment. */
    public long fileEnd() {
        long end = 0;
        for (Segment segment : segments) {
            end = Math.max(end, segment.fileEnd());
        }
        return end;
    }

    private static InvalidImageException tooShort(byte[] head, Format format) {
        return new InvalidImageException(
                "an ELF header of %d bytes".formatted(format.headerSize()), "%d bytes".formatted(head.length));
    }

    private static void refuseOtherProcessor(byte[] head) {
        int machine = LittleEndian.getUnsignedShort(head, E_MACHINE);
        FileKind.machine(machine).ifPresent(name -> {
            throw new InvalidImageException(
                    "an ELF file for x86-64 or 32-bit x86",
                    "one for another processor: %s (machine %d)".formatted(name, machine));
        });
    }

    private static void checkIdentity(byte[] head, Format format) {
        int machine = LittleEndian.getUnsignedShort(head, E_MACHINE);
        if (head[EI_DATA] != ELFDATA2LSB || machine != format.machine) {
            throw new InvalidImageException(
                    "an ELF file for %s (machine %d, little-endian)"
                            .formatted(format == Format.ELF64 ? "x86-64" : "32-bit x86", format.machine),
                    "machine %d, data encoding %d".formatted(machine, head[EI_DATA]));
        }
        int type = LittleEndian.getUnsignedShort(head, E_TYPE);
        if (type != ET_EXEC && type != ET_DYN) {
            throw new InvalidImageException(
                    "an executable ELF file (type %d or %d)".formatted(ET_EXEC, ET_DYN), "type %d".formatted(type));
        }
        int entrySize = LittleEndian.getUnsignedShort(head, format.phentsize());
        if (entrySize != format.programHeaderSize) {
            throw new InvalidImageException(
                    "ELF program headers of %d bytes".formatted(format.programHeaderSize),
                    "%d bytes".formatted(entrySize));
        }
    }

    /** Clears the fields for sections in the header at the start of {@code head}. */
    static void forgetSections(byte[] head) {
        Format format = Format.of(head);
        Arrays.fill(head, format.shoff(), format.shoff() + format.word, (byte) 0);
        Arrays.fill(head, format.shnum(), format.shnum() + 2 * Short.BYTES, (byte) 0); // with e_shstrndx behind it
    }

    private static List<Segment> parseSegments(byte[] head, long size, Format format) {
        long table = format.getWord(head, format.phoff());
        int count = LittleEndian.getUnsignedShort(head, format.phnum());
        long tableSize = (long) count * format.programHeaderSize;
        if (table < format.headerSize() || table > head.length || tableSize > head.length - table) {
            throw new InvalidImageException(
                    "%d ELF program headers within the first 0x%x bytes".formatted(count, head.length),
                    "them at [0x%x, +0x%x)".formatted(table, tableSize));
        }
        List<Segment> segments = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            Segment segment = format.segment(head, (int) table + i * format.programHeaderSize);
            if (segment.type() != PT_LOAD && segment.type() != PT_NOTE) continue;
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

    /** Checks that no two segments share memory, so that no byte of it is written twice. */
    private void checkMemoryOverlaps() {
        List<Segment> loads = loads();
        loads.sort(Comparator.comparingLong(Segment::address));
        for (int i = 1; i < loads.size(); i++) {
            Segment lower = loads.get(i - 1);
            Segment upper = loads.get(i);
            if (upper.address() < lower.end()) {
                throw new InvalidImageException(
                        "ELF segments that share no memory",
                        "one at [0x%x, 0x%x) and one at [0x%x, 0x%x)"
                                .formatted(lower.address(), lower.end(), upper.address(), upper.end()));
            }
        }
    }

    /** Checks that no two segments share bytes of the file, which is read in one pass. */
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
