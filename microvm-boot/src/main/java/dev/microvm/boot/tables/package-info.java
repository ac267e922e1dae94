/**
 * The tables by which a PC tells an operating system what it is: memory map, zero page, PVH start info, descriptor and
 * page tables, MP table, ACPI. Start at {@link dev.microvm.boot.tables.AcpiTables} or
 * {@link dev.microvm.boot.tables.ZeroPage}.
 *
 * <p>Each is described by plain records and written to an address that the caller chooses, in guest-physical bytes;
 * {@link dev.microvm.memory.GuestMemoryException} is thrown where that address is not memory. Records may be used by
 * any thread, the rest by one at a time.
 */
@NullMarked
package dev.microvm.boot.tables;

import org.jspecify.annotations.NullMarked;
