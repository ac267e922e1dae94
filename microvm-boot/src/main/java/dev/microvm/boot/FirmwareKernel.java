package dev.microvm.boot;

import dev.microvm.boot.image.BzImageLoader;
import dev.microvm.boot.image.Cancellation;
import dev.microvm.boot.tables.E820Map;
import dev.microvm.memory.GuestMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * A kernel in the form in which firmware or an option ROM starts it. All addresses are
 * guest-physical, below 4 GiB; sizes are in bytes.
 *
 * <p>A bzImage has two parts and is entered in real mode: Linux Documentation/arch/x86/boot.rst,
 * "The Real-Mode Kernel Header". An ELF file is already in memory and is entered at its PVH entry
 * point; firmware recognizes it by its setup part. Source of the addresses: QEMU hw/i386/x86.c,
 * {@code x86_load_linux} and {@code load_elfboot}.
 */
public final class FirmwareKernel {
    /** Size of the setup part of an ELF file in bytes, as in QEMU. */
    private static final int ELF_HEAD_SIZE = 8192;

    // Fields of the real-mode kernel header that a boot loader writes: offsets
    private static final int TYPE_OF_LOADER = 0x210; // 1 byte
    private static final int LOADFLAGS = 0x211; // 1 byte
    private static final int RAMDISK_IMAGE = 0x218; // 4 bytes
    private static final int RAMDISK_SIZE = 0x21C; // 4 bytes
    private static final int HEAP_END_PTR = 0x224; // 2 bytes: offset from the setup part, less 0x200
    private static final int CMD_LINE_PTR = 0x228; // 4 bytes

    private static final int UNDEFINED_LOADER = 0xFF;
    private static final int CAN_USE_HEAP = 1 << 7;
    private static final int HEAP_END_BIAS = 0x200;

    private final KernelImage image;
    private final KernelPlan plan;
    private final byte[] setup;
    private final CommandLine cmdline;
    private final @Nullable Initrd initrd;
    private final long initrdAddress;

    /**
     * Checks that everything fits.
     *
     * @param memoryMap the memory map without firmware's reservations
     */
    FirmwareKernel(KernelImage image, CommandLine cmdline, @Nullable Initrd initrd, E820Map memoryMap) {
        this.image = image;
        this.cmdline = cmdline;
        this.initrd = initrd;
        cmdline.requireLength(image.cmdlineMax());
        plan = image.planForFirmware(memoryMap);
        plan.check(memoryMap, initrd == null ? 0 : initrd.size() + BootLayout.FIRMWARE_RESERVE);
        initrdAddress = initrd == null ? 0 : placeInitrd(initrd, memoryMap);
        setup = image.bzImage().map(this::setupOf).orElseGet(() -> image.head(ELF_HEAD_SIZE));
    }

    private long placeInitrd(Initrd files, E820Map memoryMap) {
        return files.place(
                memoryMap.ramEndBelow(BootLayout.LOW_RAM_MAX) - BootLayout.FIRMWARE_RESERVE,
                image.initrdAddrMax(),
                plan.kernel().end());
    }

    private byte[] setupOf(BzImageLoader bzImage) {
        byte[] bytes = bzImage.setup();
        if (bytes.length > BootLayout.FIRMWARE_SETUP_MAX_SIZE) {
            throw new BootException(
                    image.file().toString(),
                    "real-mode code of at most %d bytes".formatted(BootLayout.FIRMWARE_SETUP_MAX_SIZE),
                    bytes.length + " bytes; start it without firmware");
        }
        ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        header.put(TYPE_OF_LOADER, (byte) UNDEFINED_LOADER);
        header.put(LOADFLAGS, (byte) (bytes[LOADFLAGS] | CAN_USE_HEAP));
        header.putInt(RAMDISK_IMAGE, (int) initrdAddress);
        header.putInt(RAMDISK_SIZE, initrd == null ? 0 : (int) initrd.size());
        header.putShort(HEAP_END_PTR, (short) (BootLayout.FIRMWARE_SETUP_MAX_SIZE - HEAP_END_BIAS));
        header.putInt(CMD_LINE_PTR, (int) cmdlineAddress());
        return bytes;
    }

    /** Loads an ELF file; firmware loads a bzImage itself. */
    void load(GuestMemory memory, Cancellation cancellation) {
        if (!image.isBzImage()) plan.load(memory, cancellation);
    }

    /** Returns the address of the setup part; empty for an ELF file. */
    public OptionalLong setupAddress() {
        return image.isBzImage() ? OptionalLong.of(BootLayout.FIRMWARE_SETUP) : OptionalLong.empty();
    }

    /**
     * Returns the real-mode code of a bzImage, or the start of an ELF file. Leave the array
     * unchanged.
     */
    public byte[] setup() {
        return setup;
    }

    /** Returns the address of the kernel. */
    public long address() {
        return image.isBzImage() ? BootLayout.HIGH_MEMORY : plan.kernel().start();
    }

    /** Returns its size at that address. */
    public long size() {
        return image.bzImage()
                .map(BzImageLoader::kernelSize)
                .orElse(plan.kernel().end() - plan.kernel().start());
    }

    /**
     * Reads the protected-mode code of a bzImage; an ELF file has none.
     *
     * @param offset of the first byte
     * @param to the target, whose size is the number of bytes to copy
     * @throws IOException if the file can no longer be read
     */
    public void readData(long offset, MemorySegment to) throws IOException {
        image.bzImage().orElseThrow().read(offset, to);
    }

    /** Whether there is data to {@linkplain #readData read}: it is a bzImage. */
    public boolean hasData() {
        return image.isBzImage();
    }

    /** Returns the entry point of an ELF file; empty for a bzImage. */
    public OptionalLong entry() {
        return image.isBzImage()
                ? OptionalLong.empty()
                : OptionalLong.of(plan.kernel().entry());
    }

    /** Returns the address of the command line. */
    public long cmdlineAddress() {
        return BootLayout.CMDLINE;
    }

    /** Returns the command line. */
    public CommandLine cmdline() {
        return cmdline;
    }

    /** Returns the initrd, if there is one. */
    public Optional<Initrd> initrd() {
        return Optional.ofNullable(initrd);
    }

    /** Returns the proposed address of the initrd; firmware may choose another. */
    public long initrdAddress() {
        return initrdAddress;
    }
}
