/**
 * What is behind a disk: {@link dev.microvm.backend.disk.BlockBackend back ends} that read and write image files; start
 * at {@link dev.microvm.backend.disk.DiskImage}, which says what to open.
 *
 * <p>Positions and lengths are in bytes. Data passes as memory segment, offset and length, so that it moves between a
 * guest's memory and the file without a copy. What fails is a {@link dev.microvm.backend.disk.BlockException}. An image's
 * content is not trusted: its guest wrote it. Its format is named by who opens it and never guessed, and no file is opened
 * because an image names it.
 */
@NullMarked
package dev.microvm.backend.disk;

import org.jspecify.annotations.NullMarked;
