/**
 * Kernel image files: what their headers say, how their payload is unpacked, and how their segments get into guest
 * memory. Start at {@link dev.microvm.boot.image.ElfLoader}.
 *
 * <p>Every byte of an image is hostile: offsets and sizes are checked before use, nothing is allocated in proportion to
 * a number that an image claims, and what is wrong is thrown as {@link dev.microvm.boot.image.InvalidImageException},
 * which says what was expected and what was found. Which file it was, the caller adds. Boot protocols are not this
 * package's business. Nothing here may be used by two threads at once unless it says so.
 */
@NullMarked
package dev.microvm.boot.image;

import org.jspecify.annotations.NullMarked;
