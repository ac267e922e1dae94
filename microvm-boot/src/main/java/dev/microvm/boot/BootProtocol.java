package dev.microvm.boot;

/** How a kernel is entered. */
public enum BootProtocol {
    /** {@link #PVH} where an ELF file has the entry point for it, else {@link #LINUX64}. */
    AUTO,

    /** In 64-bit mode with a zero page: Linux Documentation/arch/x86/boot.rst, "64-bit BOOT PROTOCOL". */
    LINUX64,

    /**
     * In 32-bit mode with a start info structure, at the address that an ELF note of type 18 names: Xen
     * docs/misc/pvh.pandoc.
     */
    PVH
}
