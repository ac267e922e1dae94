/**
 * Real kernels and programs in the machine: Linux boots, uses each device, and ends in every way.
 */
@NullMarked
package dev.microvm.linuxguest;

import org.jspecify.annotations.NullMarked;
