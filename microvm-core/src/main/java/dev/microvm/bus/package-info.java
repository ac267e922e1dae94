/**
 * Routes port and memory-mapped accesses of a guest to devices. {@link dev.microvm.bus.Bus} maps
 * addresses to {@link dev.microvm.bus.BusDevice devices}; {@link dev.microvm.bus.IoBuses} joins the
 * two buses of a PC.
 */
@NullMarked
package dev.microvm.bus;

import org.jspecify.annotations.NullMarked;
