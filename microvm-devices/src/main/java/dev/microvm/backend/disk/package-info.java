/**
 * Disk images: {@link dev.microvm.backend.disk.BlockBackend back ends} that read and write image
 * files. Start at {@link dev.microvm.backend.disk.DiskImage}, which describes an image to open.
 *
 * <p>Positions and lengths are in bytes. Data is passed as memory segment, offset and length, so
 * that it moves between guest memory and file without a copy. Failures throw
 * {@link dev.microvm.backend.disk.BlockException}. The content of an image is not trusted, because
 * its guest wrote it. The format is always given by the caller and never detected, and no file is
 * opened only because an image names it.
 */
@NullMarked
package dev.microvm.backend.disk;

import org.jspecify.annotations.NullMarked;
