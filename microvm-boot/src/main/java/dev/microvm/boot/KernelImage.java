package dev.microvm.boot;

import dev.microvm.boot.image.BzImageLoader;
import dev.microvm.boot.image.ElfHeader;
import dev.microvm.boot.image.ElfLoader;
import dev.microvm.boot.image.FileImageReader;
import dev.microvm.boot.image.GzipImage;
import dev.microvm.boot.image.Hex;
import dev.microvm.boot.image.ImageReader;
import dev.microvm.boot.image.ImageSource;
import dev.microvm.boot.image.InvalidImageException;
import dev.microvm.boot.image.KernelPayload;
import dev.microvm.boot.image.MultibootHeader;
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
 * A kernel's file, checked, for x86: an ELF file such as {@code vmlinux}, a {@code bzImage}, or a flat image with a
 * Multiboot header. An ELF file or flat image may be compressed by gzip.
 *
 * <p>Any thread may use it, for any number of guests. A bzImage or a compressed file is kept in memory as it is; other
 * files are read again for each guest.
 */
public final class KernelImage {
    private static final String EXPECTED =
            "a kernel for x86 (an ELF vmlinux, a bzImage, or a flat image with a Multiboot header)";

    /** The largest bzImage or compressed file that is looked at, in bytes; real ones have 1 to 50 MiB. */
    private static final long MAX_COMPRESSED_SIZE = 1L << 30;

    private static final int PEEK_SIZE = 4096; // bytes of an unpacked ELF file that must hold its program headers

    private final Path file;
    private final Contents contents;
    private final @Nullable ElfLoader elf; // the contents, or what is in the bzImage if it can be unpacked here
    private final @Nullable BzImageLoader bzImage;

    /**
     * What is in the file, unpacked if the whole file is compressed.
     *
     * @param head its start, as far as we look for headers
     * @param size in bytes, or {@link MultibootHeader#UNKNOWN_SIZE}
     * @param source all of it
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
     * @throws BootException if it cannot be read, or is no kernel that we could start
     */
    public static KernelImage open(Path file) {
        long size = ImageFiles.requireReadable(file, EXPECTED);
        try {
            byte[] head = read(file, Math.min(size, ElfHeader.HEAD_SIZE));
            Contents contents = GzipImage.matches(head)
                    ? unpack(file, size)
                    : new Contents(head, size, limit -> new FileImageReader(file));
            return of(file, contents);
        } catch (IOException e) {
            throw ImageFiles.unreadable(file, EXPECTED, e);
        } catch (InvalidImageException e) {
            throw invalid(file, e);
        }
    }

    private static Contents unpack(Path file, long size) throws IOException {
        GzipImage image = new GzipImage(readWhole(file, size));
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
                "a file that begins with %s; of Multiboot headers, %s"
                        .formatted(Hex.start(head), MultibootHeader.absence(head)));
    }

    private static KernelImage ofBzImage(Path file, Contents contents, SetupHeader header) throws IOException {
        if (contents.size() == MultibootHeader.UNKNOWN_SIZE) {
            throw new InvalidImageException(
                    "a bzImage as it is, or another kernel compressed by gzip", "a bzImage compressed by gzip");
        }
        byte[] image = readWhole(file, contents.size());
        Optional<KernelPayload> payload = KernelPayload.find(header, image);
        ElfLoader elf = payload.isPresent() ? elfInside(header, payload.get()) : null;
        return new KernelImage(file, contents, elf, new BzImageLoader(header, image));
    }

    private static ElfLoader elfInside(SetupHeader header, KernelPayload payload) throws IOException {
        byte[] head = new byte[PEEK_SIZE];
        try (ImageReader reader = payload.open(PEEK_SIZE)) {
            reader.read(MemorySegment.ofArray(head));
        }
        // init_size covers the unpacked image: boot.rst, "init_size".
        return new ElfLoader(ElfHeader.parse(head, header.initSize()), payload::open);
    }

    private static byte[] readWhole(Path file, long size) throws IOException {
        if (size > MAX_COMPRESSED_SIZE) {
            throw new InvalidImageException(
                    "a bzImage or compressed file of at most %d bytes".formatted(MAX_COMPRESSED_SIZE), size + " bytes");
        }
        return read(file, size);
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

    /** Whether it is a bzImage; else it is an ELF file or a flat image. */
    public boolean isBzImage() {
        return bzImage != null;
    }

    /** Whether it is neither a bzImage nor an ELF file, but an image whose Multiboot header says where it goes. */
    public boolean isFlat() {
        return elf == null && bzImage == null;
    }

    /**
     * Writes the ELF kernel to a file of its own, so that a bzImage is unpacked once and not at each start. Only what
     * starting it needs is written: no sections, so no symbols.
     *
     * @throws BootException if it is a flat image, the compression is not known here, or a file cannot be read or
     *     written
     */
    public void writeVmlinux(Path target) {
        if (isFlat()) throw flat("an ELF file or a bzImage");
        ElfLoader unpacked = choose(Unpacking.HOST);
        try (OutputStream out = Files.newOutputStream(target)) {
            Objects.requireNonNull(unpacked).copy(out); // HOST gives one, or throws
        } catch (IOException e) {
            throw new BootException(target.toString(), "a file that a kernel can be written to", e.toString(), e);
        } catch (InvalidImageException e) {
            throw invalid(file, e);
        }
    }

    /** The first bytes of what is in the file, at most {@code size} of them. */
    byte[] head(int size) {
        return Arrays.copyOf(contents.head(), Math.min(size, contents.head().length));
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
     * @param modules whether there are modules, which {@code MULTIBOOT} alone can hand over
     * @throws BootException if what is asked for cannot be
     */
    KernelPlan plan(BootProtocol protocol, Unpacking unpacking, boolean modules) {
        try {
            if (protocol == BootProtocol.MULTIBOOT || (protocol == BootProtocol.AUTO && prefersMultiboot(modules))) {
                return planMultiboot();
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
     * A header that a kernel was given is there for loaders that know nothing better: a bzImage's setup header and a PVH
     * note say more. But neither of these hands over modules as they are meant here.
     */
    private boolean prefersMultiboot(boolean modules) throws IOException {
        if (isBzImage() || MultibootHeader.find(contents.head()).isEmpty()) return false;
        return modules || elf == null || elf.pvhEntry().isEmpty();
    }

    private KernelPlan planMultiboot() {
        MultibootHeader header = MultibootHeader.find(contents.head())
                .orElseThrow(() -> new InvalidImageException(
                        "a kernel with a Multiboot header", MultibootHeader.absence(contents.head())));
        header.requireFulfilled();
        ElfLoader loader = header.isFlat() || isBzImage() || elf == null
                ? new ElfLoader(header.asElf(contents.size()), contents.source())
                : elf;
        return KernelPlan.ofMultiboot(this, loader);
    }

    private KernelPlan planBzImage(BootProtocol protocol) {
        if (protocol == BootProtocol.PVH) {
            throw new BootException(
                    file.toString(), "a kernel that can be unpacked here, for PVH", "one that must unpack itself");
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
     * How firmware starts it: a bzImage in real mode, an ELF file by PVH.
     *
     * @throws BootException if it is neither a bzImage nor an ELF file with a PVH entry point
     */
    KernelPlan planForFirmware() {
        if (bzImage != null) return KernelPlan.ofBzImage(this, bzImage);
        try {
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

    private BootException flat(String expected) {
        return new BootException(file.toString(), expected, "a flat image, which only MULTIBOOT starts");
    }

    /** The same complaint with the file's name. */
    static BootException invalid(Path file, InvalidImageException e) {
        return new BootException(file.toString(), e.expected(), e.found(), e);
    }
}
