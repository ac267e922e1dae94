/**
 * Writes empty file systems of ext4, for what guests change over their read-only roots. Source of all
 * numbers: Linux Documentation/filesystems/ext4, fs/ext4/ext4.h and include/linux/jbd2.h.
 */
@NullMarked
package dev.microvm.sandbox.root.ext4;

import org.jspecify.annotations.NullMarked;
