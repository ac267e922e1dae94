/**
 * Starts kernels: checks an image, plans where everything goes, and writes it to guest memory. Start at
 * {@link dev.microvm.boot.BootPlan}; {@link dev.microvm.boot.Initramfs} makes initial file systems.
 *
 * <p>Addresses are guest-physical, in bytes. What is wrong with an image, an initrd or a command line is thrown as
 * {@link dev.microvm.boot.BootException}, before any guest memory is touched where that can be. How the formats look
 * inside is the business of {@code dev.microvm.boot.image} and {@link dev.microvm.boot.tables}.
 */
@NullMarked
package dev.microvm.boot;

import org.jspecify.annotations.NullMarked;
