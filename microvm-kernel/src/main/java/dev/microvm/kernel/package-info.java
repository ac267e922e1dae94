/** The kernel that {@code scripts/kernel} builds, as a service; see docs/kernel.md. */
@NullMarked
package dev.microvm.kernel;

import org.jspecify.annotations.NullMarked;
