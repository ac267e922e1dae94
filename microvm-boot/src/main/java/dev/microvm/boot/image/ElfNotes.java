package dev.microvm.boot.image;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.OptionalLong;

/**
 * Finds an entry in an ELF note section.
 *
 * <p>Source: System V ABI, edition 4.1, "Note Section"; Xen {@code public/elfnote.h}.
 */
final class ElfNotes {
    /** "Physical entry point into the kernel. 32bit entry point into the kernel." */
    private static final int XEN_ELFNOTE_PHYS32_ENTRY = 18;

    private static final byte[] XEN = "Xen\0".getBytes(StandardCharsets.US_ASCII);
    private static final int HEADER_SIZE = 12; // n_namesz, n_descsz, n_type: 4 bytes each
    private static final int ALIGNMENT = 4; // of names and descriptions, also in 64-bit files

    private ElfNotes() {}

    /** The PVH entry point among {@code notes}; empty if there is none, or it is malformed. */
    static OptionalLong pvhEntry(byte[] notes) {
        long at = 0;
        while (at + HEADER_SIZE <= notes.length) {
            long nameSize = LittleEndian.getUnsignedInt(notes, (int) at);
            long size = LittleEndian.getUnsignedInt(notes, (int) at + 4);
            int type = LittleEndian.getInt(notes, (int) at + 8);
            long name = at + HEADER_SIZE;
            long description = name + align(nameSize);
            at = description + align(size);
            if (at > notes.length) break;
            if (type == XEN_ELFNOTE_PHYS32_ENTRY && isXen(notes, (int) name, nameSize)) {
                // 4 bytes in a 32-bit kernel, 8 in a 64-bit one; the entry is below 4 GiB in both.
                if (size >= Integer.BYTES) {
                    return OptionalLong.of(LittleEndian.getUnsignedInt(notes, (int) description));
                }
            }
        }
        return OptionalLong.empty();
    }

    private static boolean isXen(byte[] notes, int name, long size) {
        return size == XEN.length && Arrays.equals(notes, name, name + XEN.length, XEN, 0, XEN.length);
    }

    private static long align(long size) {
        return (size + ALIGNMENT - 1) & -ALIGNMENT;
    }
}
