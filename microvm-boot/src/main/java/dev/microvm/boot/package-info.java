/**
 * Starts kernels: checks an image, plans where everything goes, and writes it to guest memory.
 * Start at {@link dev.microvm.boot.BootPlan}; {@link dev.microvm.boot.Initramfs} makes initial file
 * systems.
 *
 * <p>Addresses are guest-physical, in bytes. Errors in an image, an initrd or a command line throw
 * {@link dev.microvm.boot.BootException}, before guest memory is written if possible. The formats
 * are in {@code dev.microvm.boot.image} and {@link dev.microvm.boot.tables}.
 */
@NullMarked
package dev.microvm.boot;

import org.jspecify.annotations.NullMarked;
