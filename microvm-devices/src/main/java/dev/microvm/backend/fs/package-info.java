/** Directories of the host that guests see: {@link dev.microvm.backend.fs.SharedDirectory}. */
@NullMarked
package dev.microvm.backend.fs;

import org.jspecify.annotations.NullMarked;
