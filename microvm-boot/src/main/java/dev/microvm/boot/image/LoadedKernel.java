package dev.microvm.boot.image;

/**
 * Where a kernel now is in guest memory.
 *
 * @param entry guest-physical address of its first instruction, for the protocol it was loaded for
 * @param start lowest guest-physical address that it uses
 * @param end first guest-physical address after what it uses before it reads the memory map
 */
public record LoadedKernel(long entry, long start, long end) {}
