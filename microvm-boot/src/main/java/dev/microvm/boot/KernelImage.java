package dev.microvm.boot;

import dev.microvm.boot.image.BzImageLoader;
import dev.microvm.boot.image.ElfHeader;
import dev.microvm.boot.image.ElfLoader;
import dev.microvm.boot.image.FileImageReader;
import dev.microvm.boot.image.Hex;
import dev.microvm.boot.image.ImageReader;
import dev.microvm.boot.image.InvalidImageException;
import dev.microvm.boot.image.KernelPayload;
import dev.microvm.boot.image.SetupHeader;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * A kernel's file, checked: an ELF {@code vmlinux} or a {@code bzImage}, for x86-64.
 *
 * <p>Any thread may use it, for any number of guests. A bzImage is kept in memory as it is in the file; an ELF file is
 * read again for each guest.
 */
public final class KernelImage {
    private static final String EXPECTED = "a Linux kernel for x86-64 (an ELF vmlinux or a bzImage)";

    /** The largest bzImage that is looked at, in bytes; real ones have 5 to 50 MiB. */
    private static final long MAX_BZIMAGE_SIZE = 1L << 30;

    private static final int PEEK_SIZE = 4096; // bytes of an unpacked ELF file that must hold its program headers

    private final Path file;
    private final @Nullable ElfLoader elf; // the file, or what is in the bzImage if it can be unpacked here
    private final @Nullable BzImageLoader bzImage;

    private KernelImage(Path file, @Nullable ElfLoader elf, @Nullable BzImageLoader bzImage) {
        this.file = file;
        this.elf = elf;
        this.bzImage = bzImage;
    }

    /**
     * Reads and checks the headers of {@code file}.
     *
     * @throws BootException if it cannot be read, or is no kernel that we could start
     */
    public static KernelImage open(Path file) {
        long size = ImageFiles.requireReadable(file, EXPECTED);
        try {
            byte[] head = read(file, Math.min(size, ElfHeader.HEAD_SIZE));
            if (ElfHeader.matches(head)) {
                ElfHeader header = ElfHeader.parse(head, size);
                return new KernelImage(file, new ElfLoader(header, limit -> new FileImageReader(file)), null);
            }
            if (SetupHeader.matches(head)) return openBzImage(file, size, SetupHeader.parse(head, size));
            throw new BootException(file.toString(), EXPECTED, "a file that begins with " + Hex.start(head));
        } catch (IOException e) {
            throw ImageFiles.unreadable(file, EXPECTED, e);
        } catch (InvalidImageException e) {
            throw invalid(file, e);
        }
    }

    private static KernelImage openBzImage(Path file, long size, SetupHeader header) throws IOException {
        if (size > MAX_BZIMAGE_SIZE) {
            throw new InvalidImageException(
                    "a bzImage of at most %d bytes".formatted(MAX_BZIMAGE_SIZE), size + " bytes");
        }
        byte[] image = read(file, size);
        Optional<KernelPayload> payload = KernelPayload.find(header, image);
        ElfLoader elf = payload.isPresent() ? elfInside(header, payload.get()) : null;
        return new KernelImage(file, elf, new BzImageLoader(header, image));
    }

    private static ElfLoader elfInside(SetupHeader header, KernelPayload payload) throws IOException {
        byte[] head = new byte[PEEK_SIZE];
        try (ImageReader reader = payload.open(PEEK_SIZE)) {
            reader.read(MemorySegment.ofArray(head));
        }
        // init_size covers the unpacked image: boot.rst, "init_size".
        return new ElfLoader(ElfHeader.parse(head, header.initSize()), payload::open);
    }

    private static byte[] read(Path file, long size) throws IOException {
        byte[] bytes = new byte[(int) size];
        try (ImageReader reader = new FileImageReader(file)) {
            reader.read(MemorySegment.ofArray(bytes));
        }
        return bytes;
    }

    /** The file. */
    public Path file() {
        return file;
    }

    /** Whether it is a bzImage; else it is an ELF file. */
    public boolean isBzImage() {
        return bzImage != null;
    }

    /**
     * Writes the ELF kernel to a file of its own, so that a bzImage is unpacked once and not at each start. Only what
     * starting it needs is written: no sections, so no symbols.
     *
     * @throws BootException if the compression is not known here, or a file cannot be read or written
     */
    public void writeVmlinux(Path target) {
        ElfLoader unpacked = choose(Unpacking.HOST);
        try (OutputStream out = Files.newOutputStream(target)) {
            Objects.requireNonNull(unpacked).copy(out); // HOST gives one, or throws
        } catch (IOException e) {
            throw new BootException(target.toString(), "a file that a kernel can be written to", e.toString(), e);
        } catch (InvalidImageException e) {
            throw invalid(file, e);
        }
    }

    /**
     * The first bytes of an ELF file.
     *
     * @throws BootException if it cannot be read any more
     */
    byte[] head(int size) {
        try {
            return read(file, Math.min(size, Files.size(file)));
        } catch (IOException e) {
            throw ImageFiles.unreadable(file, EXPECTED, e);
        }
    }

    /** How long the command line may be, in bytes, without its terminating zero. */
    public long cmdlineMax() {
        return bzImage == null
                ? CommandLine.DEFAULT_MAX_LENGTH
                : bzImage.header().cmdlineSize();
    }

    /** The highest address that the initrd's last byte may have. */
    long initrdAddrMax() {
        return bzImage == null
                ? LinuxBoot.DEFAULT_INITRD_ADDR_MAX
                : bzImage.header().initrdAddrMax();
    }

    /** The bzImage, if it is one. */
    Optional<BzImageLoader> bzImage() {
        return Optional.ofNullable(bzImage);
    }

    /** The setup header, if it is a bzImage. */
    Optional<SetupHeader> setupHeader() {
        return Optional.ofNullable(bzImage).map(BzImageLoader::header);
    }

    /**
     * Decides how to start it.
     *
     * @throws BootException if what is asked for cannot be
     */
    KernelPlan plan(BootProtocol protocol, Unpacking unpacking) {
        ElfLoader unpacked = choose(unpacking);
        if (unpacked == null) {
            if (protocol == BootProtocol.PVH) {
                throw new BootException(
                        file.toString(), "a kernel that can be unpacked here, for PVH", "one that must unpack itself");
            }
            return KernelPlan.ofBzImage(this, Objects.requireNonNull(bzImage));
        }
        try {
            OptionalLong pvhEntry = wantsPvh(protocol) ? unpacked.pvhEntry() : OptionalLong.empty();
            if (protocol == BootProtocol.PVH && pvhEntry.isEmpty()) {
                throw new BootException(
                        file.toString(), "a kernel with a PVH entry point (Xen ELF note 18)", "none: use LINUX64");
            }
            return KernelPlan.ofElf(this, unpacked, pvhEntry);
        } catch (IOException e) {
            throw ImageFiles.unreadable(file, EXPECTED, e);
        } catch (InvalidImageException e) {
            throw invalid(file, e);
        }
    }

    /**
     * How firmware starts it: a bzImage in real mode, an ELF file by PVH.
     *
     * @throws BootException if it is an ELF file without PVH entry point
     */
    KernelPlan planForFirmware() {
        if (bzImage != null) return KernelPlan.ofBzImage(this, bzImage);
        ElfLoader loader = Objects.requireNonNull(elf);
        try {
            OptionalLong entry = loader.pvhEntry();
            if (entry.isPresent()) return KernelPlan.ofElf(this, loader, entry);
        } catch (IOException e) {
            throw ImageFiles.unreadable(file, EXPECTED, e);
        } catch (InvalidImageException e) {
            throw invalid(file, e);
        }
        throw new BootException(
                file.toString(),
                "a bzImage, or an ELF kernel with a PVH entry point (Xen ELF note 18), for firmware to start",
                "an ELF kernel without; start it without firmware");
    }

    /** AUTO does not look for a PVH entry in a bzImage: much would have to be unpacked to find the notes. */
    private boolean wantsPvh(BootProtocol protocol) {
        return protocol == BootProtocol.PVH || (protocol == BootProtocol.AUTO && !isBzImage());
    }

    /** The ELF file to start, or null if the bzImage is to be started itself. */
    private @Nullable ElfLoader choose(Unpacking unpacking) {
        if (bzImage == null) return elf; // nothing to unpack
        if (unpacking == Unpacking.HOST && elf == null) {
            throw new BootException(
                    file.toString(),
                    "a bzImage compressed by one of " + Arrays.toString(KernelPayload.Compression.values()),
                    "another compression: let the guest unpack it");
        }
        if (unpacking != Unpacking.GUEST && elf != null) return elf;
        if (!bzImage.header().has64BitEntry()) {
            throw new BootException(
                    file.toString(), "a bzImage with a 64-bit entry point (XLF_KERNEL_64)", "one without");
        }
        return null;
    }

    /** The same complaint with the file's name. */
    static BootException invalid(Path file, InvalidImageException e) {
        return new BootException(file.toString(), e.expected(), e.found(), e);
    }
}
