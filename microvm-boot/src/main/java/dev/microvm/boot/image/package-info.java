/**
 * Kernel image files: reads their headers, unpacks their payload, and loads their segments into
 * guest memory. Start at {@link dev.microvm.boot.image.ElfLoader}.
 *
 * <p>Every byte of an image is hostile. Offsets and sizes are checked before use, and no allocation
 * depends on a number in an image alone. The work to open, check and load an image is bounded by the
 * size of its file and of the guest's memory, and the heap for unpacking by a budget ({@link
 * dev.microvm.limits.JvmBudgets#unpacking}). Errors throw {@link
 * dev.microvm.boot.image.InvalidImageException}, which says what was expected and found; the caller
 * adds the name of the file. This package knows no boot protocols. Classes are for one thread
 * unless they say otherwise.
 */
@NullMarked
package dev.microvm.boot.image;

import org.jspecify.annotations.NullMarked;
