package dev.microvm.boot.image;

import java.util.Arrays;

/**
 * The real-mode header at the start of a bzImage: its kernel's requirements for a boot loader.
 *
 * <p>Source: Linux Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"; names are its
 * names. Offsets are from the start of the file, and also from the start of the zero page.
 */
public final class SetupHeader {
    /** Number of bytes of a file that {@link #parse} needs. */
    public static final int HEAD_SIZE = 0x1000;

    /** First byte of the header. */
    public static final int START = 0x1F1;

    private static final int SETUP_SECTS = 0x1F1; // 1 byte: size of the setup code in sectors, without the first
    private static final int SYSSIZE = 0x1F4; // 4 bytes: size of the protected-mode code in paragraphs
    private static final int BOOT_FLAG = 0x1FE; // 2 bytes
    private static final int JUMP_OFFSET = 0x201; // 1 byte: the header ends this many bytes after it
    private static final int HEADER = 0x202; // 4 bytes
    private static final int VERSION = 0x206; // 2 bytes: major, minor
    private static final int LOADFLAGS = 0x211; // 1 byte
    private static final int INITRD_ADDR_MAX = 0x22C; // 4 bytes
    private static final int XLOADFLAGS = 0x236; // 2 bytes
    private static final int CMDLINE_SIZE = 0x238; // 4 bytes: without the terminating zero
    private static final int PAYLOAD_OFFSET = 0x248; // 4 bytes: from the start of the protected-mode code
    private static final int PAYLOAD_LENGTH = 0x24C; // 4 bytes
    private static final int PREF_ADDRESS = 0x258; // 8 bytes
    private static final int INIT_SIZE = 0x260; // 4 bytes
    private static final int END = 0x264; // of the fields read here

    private static final int BOOT_FLAG_VALUE = 0xAA55;
    private static final int HEADER_VALUE = 0x53726448; // "HdrS"
    private static final int SECTOR = 512; // bytes
    private static final int PARAGRAPH = 16; // bytes
    private static final int DEFAULT_SETUP_SECTS = 4; // what 0 means, for historical reasons
    private static final int LOADED_HIGH = 1 << 0; // loadflags: a bzImage, not a zImage
    private static final int XLF_KERNEL_64 = 1 << 0; // xloadflags: 64-bit entry point at 0x200

    /**
     * The first version that has {@code init_size} and {@code pref_address}: 2.10, Linux 2.6.31.
     */
    private static final int MIN_VERSION = 0x20A;

    /** The first version that has {@code xloadflags}: 2.12, Linux 3.8. */
    private static final int XLOADFLAGS_VERSION = 0x20C;

    private final byte[] head;
    private final long fileSize;

    private SetupHeader(byte[] head, long fileSize) {
        this.head = head;
        this.fileSize = fileSize;
    }

    /** Whether these bytes begin like a bzImage. */
    public static boolean matches(byte[] head) {
        return head.length >= VERSION
                && LittleEndian.getUnsignedShort(head, BOOT_FLAG) == BOOT_FLAG_VALUE
                && LittleEndian.getInt(head, HEADER) == HEADER_VALUE;
    }

    /**
     * Reads and checks the header.
     *
     * @param head the first {@link #HEAD_SIZE} bytes of the file, or all if there are fewer
     * @param size of the whole file in bytes
     * @throws InvalidImageException if this is not a bzImage of boot protocol 2.10 or later, or it
     *     is cut short
     */
    public static SetupHeader parse(byte[] head, long size) {
        if (!matches(head)) {
            throw new InvalidImageException("a bzImage", "a file that begins with " + Hex.start(head));
        }
        if (head.length < END) {
            throw new InvalidImageException(
                    "a bzImage header of 0x%x bytes".formatted(END),
                    "0x%x bytes: the image is cut short".formatted(head.length));
        }
        SetupHeader header = new SetupHeader(Arrays.copyOf(head, Math.min(head.length, HEAD_SIZE)), size);
        header.check();
        return header;
    }

    private void check() {
        int version = version();
        if (version < MIN_VERSION || (head[LOADFLAGS] & LOADED_HIGH) == 0) {
            throw new InvalidImageException(
                    "a bzImage of boot protocol 2.10 (Linux 2.6.31) or later",
                    "version %d.%d, loadflags 0x%x".formatted(version >> 8, version & 0xFF, head[LOADFLAGS]));
        }
        long wanted = kernelOffset() + paragraphs() * PARAGRAPH;
        if (kernelOffset() > fileSize || wanted - fileSize >= PARAGRAPH) { // the last one need not be full
            throw new InvalidImageException(
                    "a bzImage of 0x%x bytes (setup_sects, syssize)".formatted(wanted),
                    "0x%x bytes: the image is cut short".formatted(fileSize));
        }
        if (payloadOffset() > kernelSize() || payloadLength() > kernelSize() - payloadOffset()) {
            throw new InvalidImageException(
                    "a payload within the bzImage's 0x%x bytes of code".formatted(kernelSize()),
                    "payload_offset 0x%x, payload_length 0x%x".formatted(payloadOffset(), payloadLength()));
        }
    }

    /** Returns the boot protocol's version: 0x20f is 2.15. */
    public int version() {
        return LittleEndian.getUnsignedShort(head, VERSION);
    }

    /** Returns the offset of the protected-mode code in the file. */
    public int kernelOffset() {
        int sectors = head[SETUP_SECTS] & 0xFF;
        return ((sectors == 0 ? DEFAULT_SETUP_SECTS : sectors) + 1) * SECTOR;
    }

    private long paragraphs() {
        return LittleEndian.getUnsignedInt(head, SYSSIZE);
    }

    /**
     * Returns the size of the protected-mode code in bytes: the header has it in paragraphs, of
     * which the file may lack the end of the last.
     */
    public long kernelSize() {
        return Math.min(paragraphs() * PARAGRAPH, fileSize - kernelOffset());
    }

    /** Returns the offset of the compressed kernel from {@link #kernelOffset()}. */
    public long payloadOffset() {
        return LittleEndian.getUnsignedInt(head, PAYLOAD_OFFSET);
    }

    /** Returns the size of the compressed kernel in bytes. */
    public long payloadLength() {
        return LittleEndian.getUnsignedInt(head, PAYLOAD_LENGTH);
    }

    /** Whether the bzImage itself has a 64-bit entry point. */
    public boolean has64BitEntry() {
        return version() >= XLOADFLAGS_VERSION
                && (LittleEndian.getUnsignedShort(head, XLOADFLAGS) & XLF_KERNEL_64) != 0;
    }

    /** Returns the maximum guest-physical address of the initrd's last byte. */
    public long initrdAddrMax() {
        return LittleEndian.getUnsignedInt(head, INITRD_ADDR_MAX);
    }

    /** Returns the maximum length of the command line in bytes, without its terminating zero. */
    public long cmdlineSize() {
        return LittleEndian.getUnsignedInt(head, CMDLINE_SIZE);
    }

    /** Returns the guest-physical address that the kernel prefers. */
    public long prefAddress() {
        return LittleEndian.getLong(head, PREF_ADDRESS);
    }

    /** Returns how many bytes from its start the kernel uses before it reads the memory map. */
    public long initSize() {
        return LittleEndian.getUnsignedInt(head, INIT_SIZE);
    }

    /** Returns the header's bytes from {@link #START} on, for the zero page. */
    public byte[] bytes() {
        int end = Math.min(HEADER + (head[JUMP_OFFSET] & 0xFF), head.length);
        return Arrays.copyOfRange(head, START, Math.max(end, END));
    }
}
