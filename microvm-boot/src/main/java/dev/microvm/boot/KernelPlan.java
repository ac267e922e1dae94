package dev.microvm.boot;

import dev.microvm.boot.image.BzImageLoader;
import dev.microvm.boot.image.Cancellation;
import dev.microvm.boot.image.ElfHeader;
import dev.microvm.boot.image.ElfHeader.Segment;
import dev.microvm.boot.image.ElfLoader;
import dev.microvm.boot.image.InvalidImageException;
import dev.microvm.boot.image.LoadedKernel;
import dev.microvm.boot.tables.BiosDataArea;
import dev.microvm.boot.tables.E820Map;
import dev.microvm.boot.tables.Gdt;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryException;
import java.io.IOException;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The plan to start one kernel.
 *
 * @param image the kernel
 * @param protocol {@code LINUX64}, {@code PVH} or {@code MULTIBOOT}
 * @param kernel its place in guest memory
 * @param elf the ELF file to load; null if {@code bzImage} is loaded
 * @param bzImage the bzImage to load for the guest to unpack; null if {@code elf} is loaded
 */
record KernelPlan(
        KernelImage image,
        BootProtocol protocol,
        LoadedKernel kernel,
        @Nullable ElfLoader elf,
        @Nullable BzImageLoader bzImage) {
    static KernelPlan ofElf(KernelImage image, ElfLoader elf, OptionalLong pvhEntry) {
        // The header's init_size does not count: only a kernel that unpacks itself needs that much.
        LoadedKernel kernel = new LoadedKernel(
                pvhEntry.orElse(elf.header().entry()),
                elf.header().start(),
                elf.header().end());
        BootProtocol protocol = pvhEntry.isPresent() ? BootProtocol.PVH : BootProtocol.LINUX64;
        return new KernelPlan(image, protocol, kernel, elf, null);
    }

    static KernelPlan ofBzImage(KernelImage image, BzImageLoader bzImage) {
        return new KernelPlan(image, BootProtocol.LINUX64, bzImage.footprint(), null, bzImage);
    }

    /**
     * Makes a plan; {@code loader} has the image's ELF headers, or equivalent headers made from its
     * Multiboot header.
     */
    static KernelPlan ofMultiboot(KernelImage image, ElfLoader loader) {
        ElfHeader header = loader.header();
        LoadedKernel kernel = new LoadedKernel(header.physicalEntry(), header.start(), header.end());
        return new KernelPlan(image, BootProtocol.MULTIBOOT, kernel, loader, null);
    }

    /**
     * Checks that the kernel lies in RAM and overlaps no boot data.
     *
     * @param more bytes that must fit behind it, for the message
     * @throws BootException if it does not
     */
    void check(E820Map map, long more) {
        if (elf == null) {
            checkRange(map, more, "the kernel", kernel.start(), kernel.end());
            return;
        }
        String what = image.isFlat() ? "the kernel" : "an ELF segment";
        boolean hasEntry = false;
        for (Segment segment : elf.header().loads()) {
            checkRange(map, more, what, segment.address(), segment.end());
            hasEntry |= kernel.entry() >= segment.address() && kernel.entry() < segment.end();
        }
        if (!hasEntry) {
            throw new BootException(
                    image.file().toString(),
                    "an entry point in one of the kernel's segments",
                    "entry point 0x%x".formatted(kernel.entry()));
        }
    }

    private void checkRange(E820Map map, long more, String what, long start, long end) {
        if (protocol == BootProtocol.MULTIBOOT) {
            checkLowRange(what, start, end);
        } else if (start < BootLayout.HIGH_MEMORY) {
            throw new BootException(
                    image.file().toString(),
                    "%s at 0x%x or above".formatted(what, BootLayout.HIGH_MEMORY),
                    "it at [0x%x, 0x%x): boot data is there".formatted(start, end));
        }
        if (!map.isRam(start, end) || end > BootLayout.HIGH_RAM) {
            throw new BootException(
                    image.file().toString(),
                    "%s in the guest's RAM, which ends at 0x%x".formatted(what, map.ramEndBelow(BootLayout.HIGH_RAM)),
                    "it at [0x%x, 0x%x); %s"
                            .formatted(start, end, MemoryNeed.remedy(MemoryNeed.after(kernel.end(), more))));
        }
    }

    /** Checks a Multiboot kernel, which may also be below 1 MiB if it overlaps no boot data. */
    private void checkLowRange(String what, long start, long end) {
        if (!BootLayout.takenByMultiboot(start, end)) return;
        throw new BootException(
                image.file().toString(),
                "%s outside [0x%x, 0x%x) and [0x%x, 0x%x)"
                        .formatted(
                                what,
                                BiosDataArea.ADDRESS,
                                BootLayout.GDT + Gdt.SIZE,
                                BootLayout.MULTIBOOT_INFO,
                                BootLayout.BASE_RAM_END),
                "it at [0x%x, 0x%x): boot data is there".formatted(start, end));
    }

    /**
     * Copies the kernel to {@code memory}.
     *
     * @throws BootException if its file can no longer be read, or cannot be unpacked
     */
    void load(GuestMemory memory, Cancellation cancellation) {
        try {
            if (elf != null) elf.load(memory, cancellation);
            if (bzImage != null) bzImage.load(memory, cancellation);
        } catch (IOException e) {
            throw ImageFiles.unreadable(image.file(), "a kernel", e);
        } catch (InvalidImageException e) {
            throw KernelImage.invalid(image.file(), e);
        } catch (GuestMemoryException e) {
            throw new BootException(
                    image.file().toString(),
                    "a kernel that fits guest memory",
                    "%d bytes at 0x%x".formatted(e.size(), e.gpa()),
                    e);
        }
    }
}
