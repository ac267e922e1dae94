package dev.microvm.boot.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Makes ELF files for tests: System V ABI, edition 4.1, chapters 4 and 5. */
public final class ElfBuilder {
    public static final long ENTRY = 0x100_0000;
    public static final long PVH_ENTRY = 0x100_0850;
    private static final int FIRST_SEGMENT = 0x1000; // where contents begin in the file

    @SuppressWarnings("ArrayRecordComponent")
    private record Part(int type, long virtualAddress, long address, byte[] content, long memorySize) {}

    private final List<Part> parts = new ArrayList<>();
    private long entry = ENTRY;
    private int bits = 64;
    private int elfClass = 2;
    private int machine = 62;

    /**
     * Makes a kernel with one segment at its entry point, with this content and some more memory.
     */
    public static ElfBuilder kernel(byte[] content) {
        return new ElfBuilder().segment(ENTRY, content, content.length + 0x3000L);
    }

    public ElfBuilder segment(long address, byte[] content, long memorySize) {
        return segment(address, address, content, memorySize);
    }

    public ElfBuilder segment(long virtualAddress, long address, byte[] content, long memorySize) {
        parts.add(new Part(ElfHeader.PT_LOAD, virtualAddress, address, content, memorySize));
        return this;
    }

    /** Sets the class: 64 for x86-64, the default, or 32 for i386. */
    public ElfBuilder bits(int value) {
        bits = value;
        elfClass = value / 32;
        machine = value == 64 ? 62 : 3;
        return this;
    }

    public ElfBuilder entry(long value) {
        entry = value;
        return this;
    }

    public ElfBuilder elfClass(int value) {
        elfClass = value;
        return this;
    }

    public ElfBuilder machine(int value) {
        machine = value;
        return this;
    }

    /** Adds notes: one of another owner than Xen, one of another type, and the PVH entry. */
    public ElfBuilder pvh() {
        ByteBuffer notes = ByteBuffer.allocate(128).order(ByteOrder.LITTLE_ENDIAN);
        note(notes, "GNU\0", 18, new byte[] {1, 2, 3, 4});
        note(notes, "Xen\0", 6, "linux\0".getBytes(StandardCharsets.US_ASCII));
        note(
                notes,
                "Xen\0",
                18,
                ByteBuffer.allocate(8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(PVH_ENTRY)
                        .array());
        parts.add(new Part(ElfHeader.PT_NOTE, 0, 0, Arrays.copyOf(notes.array(), notes.position()), 0));
        return this;
    }

    /** Adds a segment of notes. */
    public ElfBuilder note(byte[] notes) {
        parts.add(new Part(ElfHeader.PT_NOTE, 0, 0, notes, 0));
        return this;
    }

    public byte[] build() {
        int size = FIRST_SEGMENT
                + parts.stream().mapToInt(part -> part.content().length).sum();
        ByteBuffer elf = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        elf.putInt(0x464C457F).put((byte) elfClass).put((byte) 1).put((byte) 1);
        elf.putShort(16, (short) 2).putShort(18, (short) machine).putInt(20, 1);
        elf.position(24);
        int headerSize = bits == 64 ? 64 : 52;
        int programHeaderSize = bits == 64 ? 56 : 32;
        words(elf, entry, headerSize, 0);
        elf.putInt(0).putShort((short) headerSize).putShort((short) programHeaderSize);
        elf.putShort((short) parts.size());
        int at = FIRST_SEGMENT;
        for (int i = 0; i < parts.size(); i++) {
            Part part = parts.get(i);
            elf.position(headerSize + i * programHeaderSize);
            elf.putInt(part.type());
            if (bits == 64) elf.putInt(7);
            words(elf, at, part.virtualAddress(), part.address(), part.content().length, part.memorySize());
            if (bits == 32) elf.putInt(7);
            words(elf, 4096);
            elf.put(at, part.content());
            at += part.content().length;
        }
        return elf.array();
    }

    private void words(ByteBuffer out, long... words) {
        for (long word : words) {
            if (bits == 64) out.putLong(word);
            else out.putInt((int) word);
        }
    }

    private static void note(ByteBuffer out, String name, int type, byte[] description) {
        out.putInt(name.length()).putInt(description.length).putInt(type);
        out.put(name.getBytes(StandardCharsets.US_ASCII)).put(description);
        out.position((out.position() + 3) & -4);
    }
}
