package dev.microvm.boot;

/** How a kernel is entered. */
public enum BootProtocol {
    /**
     * What the file offers: {@link #PVH} where an ELF file has the entry point for it, else {@link #MULTIBOOT} where a
     * file other than a bzImage has the header for it, else {@link #LINUX64}. With modules, {@code MULTIBOOT} comes
     * before {@code PVH}.
     */
    AUTO,

    /** In 64-bit mode with a zero page: Linux Documentation/arch/x86/boot.rst, "64-bit BOOT PROTOCOL". */
    LINUX64,

    /**
     * In 32-bit mode with a start info structure, at the address that an ELF note of type 18 names: Xen
     * docs/misc/pvh.pandoc.
     */
    PVH,

    /**
     * In 32-bit mode with a Multiboot information structure, where the ELF headers or the addresses in the Multiboot
     * header say: Multiboot Specification 0.6.96 (that is, version 1).
     */
    MULTIBOOT
}
