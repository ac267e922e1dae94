package dev.microvm.boot.image;

import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * What a file is that is not the kernel that was asked for, by its magic number, so that an error
 * can name it.
 *
 * <p>Sources: Linux Documentation/arch/arm64/booting.rst, Documentation/arch/riscv/boot-image-header.rst,
 * arch/arm/boot/compressed/head.S, include/uapi/linux/elf-em.h; QEMU docs/interop/qcow2.txt; POSIX
 * pax; Linux Documentation/driver-api/early-userspace/buffer-format.rst.
 */
public final class FileKind {
    private static final int ARM64_MAGIC_AT = 0x38;
    private static final int ARM_ZIMAGE_AT = 0x24;
    private static final int ARM_ZIMAGE_MAGIC = 0x016F2818;
    private static final int RISCV_MAGIC_AT = 0x38;
    private static final int TAR_MAGIC_AT = 257;
    private static final int EXT_MAGIC_AT = 0x438;
    private static final int EXT_MAGIC = 0xEF53;
    private static final int PE_OFFSET_AT = 0x3C;

    /** A magic number at the start of a file, as text, and what begins with it. */
    private enum Start {
        QCOW2("QFI\u00FB", "a qcow2 disk image: give it to virtioBlk"),
        SQUASHFS("hsqs", "a squashfs file system: give it to virtioBlk, or as root file system in an initrd"),
        CPIO("070701", "a cpio archive, which is an initial file system: give it to initrd"),
        CPIO_CRC("070702", "a cpio archive, which is an initial file system: give it to initrd"),
        XZ("\u00FD7zXZ\0", "a file compressed by XZ, not a kernel: unpack it first"),
        ZSTD("(\u00B5/\u00FD", "a file compressed by zstd, not a kernel: unpack it first"),
        BZIP2("BZh", "a file compressed by bzip2, not a kernel: unpack it first"),
        LZ4("\u0002!L\u0018", "a file compressed by LZ4, not a kernel: unpack it first"),
        ZIP("PK\u0003\u0004", "a zip archive"),
        DEB("!<arch>\n", "an ar archive such as a Debian package: unpack it, the kernel is in /boot"),
        SCRIPT("#!", "a script"),
        DEVICE_TREE("\u00D0\r\u00FE\u00ED", "a device tree or FIT image, which x86 has not"),
        UIMAGE("'\u0005\u0019V", "a U-Boot image, which x86 has not"),
        CLASS_FILE("\u00CA\u00FE\u00BA\u00BE", "a Java class file or Mach-O file");

        private final String magic;
        private final String what;

        Start(String magic, String what) {
            this.magic = magic;
            this.what = what;
        }
    }

    private FileKind() {}

    /** Returns what a file with this start is; empty if that is not known. */
    public static Optional<String> of(byte[] head) {
        if (head.length == 0) return Optional.of("a file that is empty");
        if (hasText(head, ARM64_MAGIC_AT, "ARMd")) return Optional.of("an arm64 kernel, for another processor");
        if (hasText(head, RISCV_MAGIC_AT, "RSC\u0005")) return Optional.of("a RISC-V kernel, for another processor");
        if (hasInt(head, ARM_ZIMAGE_AT, ARM_ZIMAGE_MAGIC)) {
            return Optional.of("a 32-bit ARM kernel, for another processor");
        }
        for (Start start : Start.values()) {
            if (hasText(head, 0, start.magic)) return Optional.of(start.what);
        }
        if (hasText(head, 0, "MZ")) return Optional.of(portableExecutable(head));
        if (hasText(head, TAR_MAGIC_AT, "ustar")) return Optional.of("a tar archive");
        if (head.length >= EXT_MAGIC_AT + Short.BYTES
                && LittleEndian.getUnsignedShort(head, EXT_MAGIC_AT) == EXT_MAGIC) {
            return Optional.of("an ext2, ext3 or ext4 file system: give it to virtioBlk");
        }
        return Optional.empty();
    }

    /** Returns the processor of an ELF file for another machine than x86; empty if it has no name here. */
    static Optional<String> machine(int number) {
        return switch (number) {
            case 8 -> Optional.of("MIPS");
            case 20 -> Optional.of("32-bit PowerPC");
            case 21 -> Optional.of("64-bit PowerPC");
            case 22 -> Optional.of("s390");
            case 40 -> Optional.of("32-bit ARM");
            case 183 -> Optional.of("arm64");
            case 243 -> Optional.of("RISC-V");
            case 247 -> Optional.of("BPF");
            case 258 -> Optional.of("LoongArch");
            default -> Optional.empty();
        };
    }

    /** A bzImage begins so, too, but it was recognized before. */
    private static String portableExecutable(byte[] head) {
        int at = head.length < PE_OFFSET_AT + Integer.BYTES ? 0 : LittleEndian.getInt(head, PE_OFFSET_AT);
        boolean complete = at > 0 && at <= head.length - Integer.BYTES && hasText(head, at, "PE\0\0");
        return complete
                ? "a PE program, such as one for EFI, without a Linux boot header: only EFI firmware starts it"
                : "a DOS or Windows program";
    }

    private static boolean hasInt(byte[] head, int at, int value) {
        return head.length >= at + Integer.BYTES && LittleEndian.getInt(head, at) == value;
    }

    private static boolean hasText(byte[] head, int at, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        if (head.length < at + bytes.length) return false;
        for (int i = 0; i < bytes.length; i++) {
            if (head[at + i] != bytes[i]) return false;
        }
        return true;
    }
}
