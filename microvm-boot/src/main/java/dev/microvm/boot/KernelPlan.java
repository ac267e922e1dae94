package dev.microvm.boot;

import dev.microvm.boot.image.BzImageLoader;
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
 * How one kernel will be started.
 *
 * @param image the kernel
 * @param protocol {@code LINUX64}, {@code PVH} or {@code MULTIBOOT}
 * @param kernel where it will be
 * @param elf what to load; null if it is {@code bzImage}
 * @param bzImage what to load as it is; null if it is {@code elf}
 */
record KernelPlan(
        KernelImage image,
        BootProtocol protocol,
        LoadedKernel kernel,
        @Nullable ElfLoader elf,
        @Nullable BzImageLoader bzImage) {
    static KernelPlan ofElf(KernelImage image, ElfLoader elf, OptionalLong pvhEntry) {
        // The header's init_size does not count: it is what a kernel needs that unpacks itself.
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

    /** {@code loader} has the image's own ELF headers, or what its Multiboot header says in their place. */
    static KernelPlan ofMultiboot(KernelImage image, ElfLoader loader) {
        ElfHeader header = loader.header();
        LoadedKernel kernel = new LoadedKernel(header.physicalEntry(), header.start(), header.end());
        return new KernelPlan(image, BootProtocol.MULTIBOOT, kernel, loader, null);
    }

    /**
     * Checks that the kernel goes where there is RAM.
     *
     * @throws BootException if it does not
     */
    void check(E820Map map) {
        if (elf == null) {
            checkRange(map, "the kernel", kernel.start(), kernel.end());
            return;
        }
        String what = image.isFlat() ? "the kernel" : "an ELF segment";
        boolean hasEntry = false;
        for (Segment segment : elf.header().loads()) {
            checkRange(map, what, segment.address(), segment.end());
            hasEntry |= kernel.entry() >= segment.address() && kernel.entry() < segment.end();
        }
        if (!hasEntry) {
            throw new BootException(
                    image.file().toString(),
                    "an entry point in one of the kernel's segments",
                    "entry point 0x%x".formatted(kernel.entry()));
        }
    }

    private void checkRange(E820Map map, String what, long start, long end) {
        if (protocol == BootProtocol.MULTIBOOT) {
            checkLowRange(what, start, end);
        } else if (start < BootLayout.HIGH_MEMORY) {
            throw new BootException(
                    image.file().toString(),
                    "%s at 0x%x or above".formatted(what, BootLayout.HIGH_MEMORY),
                    "it at [0x%x, 0x%x): what a kernel is started with is there".formatted(start, end));
        }
        if (!map.isRam(start, end) || end > BootLayout.HIGH_RAM) {
            throw new BootException(
                    image.file().toString(),
                    "%s in the guest's RAM, which ends at 0x%x".formatted(what, map.ramEndBelow(BootLayout.HIGH_RAM)),
                    "it at [0x%x, 0x%x)".formatted(start, end));
        }
    }

    /** A Multiboot kernel may be below 1 MiB, too, beside what it is started with. */
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
                "it at [0x%x, 0x%x): what a kernel is started with is there".formatted(start, end));
    }

    /**
     * Copies the kernel to {@code memory}.
     *
     * @throws BootException if its file cannot be read any more, or cannot be unpacked
     */
    void load(GuestMemory memory) {
        try {
            if (elf != null) elf.load(memory);
            if (bzImage != null) bzImage.load(memory);
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
