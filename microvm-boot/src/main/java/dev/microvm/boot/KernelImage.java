package dev.microvm.boot;

import dev.microvm.boot.image.BzImageLoader;
import dev.microvm.boot.image.Cancellation;
import dev.microvm.boot.image.Compression;
import dev.microvm.boot.image.ElfHeader;
import dev.microvm.boot.image.ElfLoader;
import dev.microvm.boot.image.FileImage;
import dev.microvm.boot.image.FileImageReader;
import dev.microvm.boot.image.FileKind;
import dev.microvm.boot.image.Hex;
import dev.microvm.boot.image.ImageReader;
import dev.microvm.boot.image.ImageSource;
import dev.microvm.boot.image.InvalidImageException;
import dev.microvm.boot.image.KernelPayload;
import dev.microvm.boot.image.MultibootHeader;
import dev.microvm.boot.image.PackedImage;
import dev.microvm.boot.image.SetupHeader;
import dev.microvm.boot.tables.E820Map;
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
 * A checked kernel file for x86: an ELF file such as {@code vmlinux}, a {@code bzImage}, or a flat
 * image with a Multiboot header. An ELF file or flat image may be compressed by gzip.
 *
 * <p>Any thread may use it, for any number of guests. Its file is read again for each guest.
 */
public final class KernelImage {
    private static final String EXPECTED =
            "a kernel for x86 (an ELF vmlinux, a bzImage, or a flat image with a Multiboot header)";

    /** Maximum size of what is between the segments of a file, in bytes: alignment to 2 MiB. */
    private static final long MAX_GAPS = 16L << 20;

    private static final int PEEK_SIZE = 4096; // bytes of an unpacked ELF file that must hold its program headers

    private final Path file;
    private final Contents contents;
    private final @Nullable ElfLoader elf; // of the file, or inside the bzImage if it can be unpacked here
    private final @Nullable BzImageLoader bzImage;

    /**
     * The content of the file, unpacked if the whole file is compressed.
     *
     * @param head its start, with all headers
     * @param size in bytes, or {@link MultibootHeader#UNKNOWN_SIZE}
     * @param source the whole content
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Contents(byte[] head, long size, ImageSource source) {}

    private KernelImage(Path file, Contents contents, @Nullable ElfLoader elf, @Nullable BzImageLoader bzImage) {
        this.file = file;
        this.contents = contents;
        this.elf = elf;
        this.bzImage = bzImage;
    }

    /**
     * Reads and checks the headers of {@code file}.
     *
     * @throws BootException if it cannot be read, or is not a kernel that can be started
     */
    public static KernelImage open(Path file) {
        Objects.requireNonNull(file, "file");
        long size = ImageFiles.requireReadable(file, EXPECTED);
        try {
            byte[] head = read(file, Math.min(size, ElfHeader.HEAD_SIZE));
            Contents contents = Compression.of(head).equals(Optional.of(Compression.GZIP))
                    ? unpack(file, size)
                    : new Contents(head, size, new FileImage(file, 0, size));
            return of(file, contents);
        } catch (IOException e) {
            throw ImageFiles.unreadable(file, EXPECTED, e);
        } catch (InvalidImageException e) {
            throw invalid(file, e);
        }
    }

    private static Contents unpack(Path file, long size) {
        PackedImage image = new PackedImage(Compression.GZIP, new FileImage(file, 0, size));
        return new Contents(image.head(ElfHeader.HEAD_SIZE), MultibootHeader.UNKNOWN_SIZE, image);
    }

    private static KernelImage of(Path file, Contents contents) throws IOException {
        byte[] head = contents.head();
        if (ElfHeader.matches(head)) {
            ElfHeader header = ElfHeader.parse(head, contents.size());
            return new KernelImage(file, contents, new ElfLoader(header, contents.source()), null);
        }
        if (SetupHeader.matches(head)) return ofBzImage(file, contents, SetupHeader.parse(head, contents.size()));
        if (MultibootHeader.find(head).isPresent()) return new KernelImage(file, contents, null, null);
        throw new BootException(
                file.toString(),
                EXPECTED,
                FileKind.of(head)
                        .orElseGet(() -> "a file that begins with %s; of Multiboot headers, %s"
                                .formatted(Hex.start(head), MultibootHeader.absence(head))));
    }

    private static KernelImage ofBzImage(Path file, Contents contents, SetupHeader header) throws IOException {
        if (contents.size() == MultibootHeader.UNKNOWN_SIZE) {
            throw new InvalidImageException(
                    "a bzImage as it is, or another kernel compressed by gzip", "a bzImage compressed by gzip");
        }
        FileImage image = new FileImage(file, 0, contents.size());
        Optional<ImageSource> payload = KernelPayload.find(header, image);
        ElfLoader elf = payload.isPresent() ? elfInside(header, payload.get()) : null;
        return new KernelImage(file, contents, elf, new BzImageLoader(header, image));
    }

    private static ElfLoader elfInside(SetupHeader header, ImageSource payload) throws IOException {
        byte[] head = new byte[PEEK_SIZE];
        try (ImageReader reader = payload.open(PEEK_SIZE, Cancellation.NEVER)) {
            reader.read(MemorySegment.ofArray(head));
        }
        // init_size covers the unpacked image: boot.rst, "init_size".
        return new ElfLoader(ElfHeader.parse(head, header.initSize()), payload);
    }

    private static byte[] read(Path file, long size) throws IOException {
        byte[] bytes = new byte[(int) size];
        try (ImageReader reader = new FileImageReader(file)) {
            reader.read(MemorySegment.ofArray(bytes));
        }
        return bytes;
    }

    /** Returns the file. */
    public Path file() {
        return file;
    }

    /** Whether it is a bzImage; otherwise it is an ELF file or a flat image. */
    public boolean isBzImage() {
        return bzImage != null;
    }

    /**
     * Whether it is a flat image: neither a bzImage nor an ELF file, with its addresses in a
     * Multiboot header.
     */
    public boolean isFlat() {
        return elf == null && bzImage == null;
    }

    /**
     * Writes the ELF kernel to a separate file, so that a bzImage is unpacked once and not at each
     * start. Writes only what a start needs: no sections and no symbols.
     *
     * @throws BootException if it is a flat image, the compression is not supported, or a file
     *     cannot be read or written
     */
    public void writeVmlinux(Path target) {
        Objects.requireNonNull(target, "target");
        if (isFlat()) throw flat("an ELF file or a bzImage");
        ElfLoader unpacked = choose(Unpacking.HOST);
        try (OutputStream out = Files.newOutputStream(target)) {
            Objects.requireNonNull(unpacked).copy(out); // HOST returns one, or throws
        } catch (IOException e) {
            throw new BootException(target.toString(), "a writable file for the kernel", e.toString(), e);
        } catch (InvalidImageException e) {
            throw invalid(file, e);
        }
    }

    /** Returns the first bytes of the content, at most {@code size}. */
    byte[] head(int size) {
        return Arrays.copyOf(contents.head(), Math.min(size, contents.head().length));
    }

    /** Returns the maximum length of the command line in bytes, without its terminating zero. */
    public long cmdlineMax() {
        return bzImage == null
                ? CommandLine.DEFAULT_MAX_LENGTH
                : bzImage.header().cmdlineSize();
    }

    /** Returns the maximum address of the initrd's last byte. */
    long initrdAddrMax() {
        return bzImage == null
                ? LinuxBoot.DEFAULT_INITRD_ADDR_MAX
                : bzImage.header().initrdAddrMax();
    }

    /** Returns the bzImage, if it is one. */
    Optional<BzImageLoader> bzImage() {
        return Optional.ofNullable(bzImage);
    }

    /** Returns the setup header, if it is a bzImage. */
    Optional<SetupHeader> setupHeader() {
        return Optional.ofNullable(bzImage).map(BzImageLoader::header);
    }

    /**
     * Decides how to start it.
     *
     * @param modules whether there are modules, which only {@code MULTIBOOT} supports
     * @param memory of the guest, which bounds how much is unpacked
     * @throws BootException if the kernel cannot be started as asked
     */
    KernelPlan plan(BootProtocol protocol, Unpacking unpacking, boolean modules, E820Map memory) {
        try {
            requireUnpackable(elf, memory);
            if (protocol == BootProtocol.MULTIBOOT || (protocol == BootProtocol.AUTO && prefersMultiboot(modules))) {
                return planMultiboot(memory);
            }
            if (isFlat()) throw flat("an ELF file or a bzImage for " + protocol);
            ElfLoader unpacked = choose(unpacking);
            return unpacked == null ? planBzImage(protocol) : planElf(unpacked, protocol);
        } catch (IOException e) {
            throw ImageFiles.unreadable(file, EXPECTED, e);
        } catch (InvalidImageException e) {
            throw invalid(file, e);
        }
    }

    /**
     * Checks that no more has to be unpacked than the guest has memory, so that a small file cannot
     * keep the host busy for long.
     */
    private static void requireUnpackable(@Nullable ElfLoader loader, E820Map memory) {
        if (loader == null || !loader.isPacked()) return;
        long ram = memory.ramEndBelow(BootLayout.HIGH_RAM);
        long end = loader.header().fileEnd();
        if (end > ram + MAX_GAPS) {
            throw new InvalidImageException(
                    "a compressed kernel that fits the guest's RAM, which ends at 0x%x".formatted(ram),
                    "one whose segments and notes end 0x%x bytes behind its start; %s"
                            .formatted(end, MemoryNeed.remedy(end)));
        }
    }

    /**
     * Returns whether AUTO means MULTIBOOT. A bzImage's setup header and a PVH note say more than a
     * Multiboot header, which is for loaders that know neither. But only Multiboot has modules.
     */
    private boolean prefersMultiboot(boolean modules) throws IOException {
        if (isBzImage() || MultibootHeader.find(contents.head()).isEmpty()) return false;
        return modules || elf == null || elf.pvhEntry().isEmpty();
    }

    private KernelPlan planMultiboot(E820Map memory) {
        MultibootHeader header = MultibootHeader.find(contents.head())
                .orElseThrow(() -> new InvalidImageException(
                        "a kernel with a Multiboot header", MultibootHeader.absence(contents.head())));
        header.requireFulfilled();
        ElfLoader loader = header.isFlat() || isBzImage() || elf == null
                ? new ElfLoader(header.asElf(contents.size()), contents.source())
                : elf;
        requireUnpackable(loader, memory);
        return KernelPlan.ofMultiboot(this, loader);
    }

    private KernelPlan planBzImage(BootProtocol protocol) {
        if (protocol == BootProtocol.PVH) {
            throw new BootException(
                    file.toString(),
                    "a kernel that can be unpacked here, for PVH",
                    "one that must unpack itself: use LINUX64");
        }
        return KernelPlan.ofBzImage(this, Objects.requireNonNull(bzImage));
    }

    private KernelPlan planElf(ElfLoader unpacked, BootProtocol protocol) throws IOException {
        OptionalLong pvhEntry = wantsPvh(protocol) ? unpacked.pvhEntry() : OptionalLong.empty();
        if (protocol == BootProtocol.PVH && pvhEntry.isEmpty()) {
            throw new BootException(
                    file.toString(), "a kernel with a PVH entry point (Xen ELF note 18)", "none: use LINUX64");
        }
        if (pvhEntry.isEmpty() && !unpacked.header().is64Bit()) {
            throw new BootException(
                    file.toString(),
                    "a 64-bit ELF file, or one with a PVH entry point or a Multiboot header",
                    "a 32-bit one; of Multiboot headers, " + MultibootHeader.absence(contents.head()));
        }
        return KernelPlan.ofElf(this, unpacked, pvhEntry);
    }

    /**
     * Decides how firmware starts it: a bzImage in real mode, an ELF file by PVH.
     *
     * @throws BootException if it is neither a bzImage nor an ELF file with a PVH entry point
     */
    KernelPlan planForFirmware(E820Map memory) {
        if (bzImage != null) return KernelPlan.ofBzImage(this, bzImage);
        try {
            requireUnpackable(elf, memory);
            OptionalLong entry = elf == null ? OptionalLong.empty() : elf.pvhEntry();
            if (elf != null && entry.isPresent()) return KernelPlan.ofElf(this, elf, entry);
        } catch (IOException e) {
            throw ImageFiles.unreadable(file, EXPECTED, e);
        } catch (InvalidImageException e) {
            throw invalid(file, e);
        }
        throw new BootException(
                file.toString(),
                "a bzImage, or an ELF kernel with a PVH entry point (Xen ELF note 18), for firmware to start",
                "neither; start it without firmware");
    }

    /**
     * Whether to look for a PVH entry. AUTO does not look in a bzImage: most of it would have to be
     * unpacked.
     */
    private boolean wantsPvh(BootProtocol protocol) {
        return protocol == BootProtocol.PVH || (protocol == BootProtocol.AUTO && !isBzImage());
    }

    /** Returns the ELF file to start; null if the bzImage itself is started. */
    private @Nullable ElfLoader choose(Unpacking unpacking) {
        if (bzImage == null) return elf; // nothing to unpack
        if (unpacking == Unpacking.HOST && elf == null) {
            throw new BootException(
                    file.toString(),
                    "a bzImage compressed by one of " + Arrays.toString(Compression.values()),
                    "another compression: let the guest unpack it");
        }
        if (unpacking != Unpacking.GUEST && elf != null) return elf;
        if (!bzImage.header().has64BitEntry()) {
            throw new BootException(
                    file.toString(), "a bzImage with a 64-bit entry point (XLF_KERNEL_64)", "one without");
        }
        return null;
    }

    private BootException flat(String expected) {
        return new BootException(file.toString(), expected, "a flat image, which only MULTIBOOT starts");
    }

    /** Adds the file's name to an exception. */
    static BootException invalid(Path file, InvalidImageException e) {
        return new BootException(file.toString(), e.expected(), e.found(), e);
    }
}
