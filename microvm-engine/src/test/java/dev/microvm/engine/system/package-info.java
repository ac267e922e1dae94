/**
 * What operating systems rely on, shown by a few instructions at a time: faults, paging,
 * segmentation, far transfers, interrupts, debug registers, code that changes. {@link
 * dev.microvm.engine.system.SystemGuest} is the machine they run on; each test names the section of
 * the manual that it is about.
 */
@NullMarked
package dev.microvm.engine.system;

import org.jspecify.annotations.NullMarked;
