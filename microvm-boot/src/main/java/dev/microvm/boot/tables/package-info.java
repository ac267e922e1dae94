/**
 * The tables by which a PC tells an operating system what it is: memory map, zero page, PVH start
 * info, descriptor and page tables, MP table, ACPI. Start at {@link
 * dev.microvm.boot.tables.AcpiTables} or {@link dev.microvm.boot.tables.ZeroPage}.
 *
 * <p>Plain records describe each table, and the caller chooses its guest-physical address. Writing
 * to an address that is not memory throws {@link dev.microvm.memory.GuestMemoryException}. Any
 * thread may use the records; the rest is for one thread at a time.
 */
@NullMarked
package dev.microvm.boot.tables;

import org.jspecify.annotations.NullMarked;
