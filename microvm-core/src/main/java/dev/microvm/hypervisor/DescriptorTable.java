package dev.microvm.hypervisor;

/**
 * GDTR or IDTR: Intel SDM vol. 3A, 2.4.
 *
 * @param base linear address
 * @param limit offset of the last byte, 0 to 0xffff
 */
public record DescriptorTable(long base, int limit) {}
