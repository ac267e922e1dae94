package dev.microvm.boot;

/** How a kernel is entered. */
public enum BootProtocol {
    /**
     * The first that the file offers: {@link #PVH} if an ELF file has its entry point, {@link
     * #MULTIBOOT} if a file other than a bzImage has its header, otherwise {@link #LINUX64}. With
     * modules, {@code MULTIBOOT} comes before {@code PVH}.
     */
    AUTO,

    /**
     * In 64-bit mode with a zero page: Linux Documentation/arch/x86/boot.rst, "64-bit BOOT
     * PROTOCOL".
     */
    LINUX64,

    /**
     * In 32-bit mode with a start info structure, at the address that an ELF note of type 18 names:
     * Xen docs/misc/pvh.pandoc.
     */
    PVH,

    /**
     * In 32-bit mode with a Multiboot information structure, at the entry point in the ELF headers
     * or the Multiboot header: Multiboot Specification 0.6.96 (version 1).
     */
    MULTIBOOT
}
