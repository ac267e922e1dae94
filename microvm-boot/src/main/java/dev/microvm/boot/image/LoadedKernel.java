package dev.microvm.boot.image;

/**
 * The place of a kernel in guest memory.
 *
 * @param entry guest-physical address of its first instruction, for the chosen protocol
 * @param start lowest guest-physical address that it uses
 * @param end first guest-physical address after the memory that it uses before it reads the memory
 *     map
 */
public record LoadedKernel(long entry, long start, long end) {}
