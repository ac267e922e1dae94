/** Calls of Firecracker's API: their paths, their bodies, and the answers. */
@NullMarked
package dev.microvm.cli.firecracker.api;

import org.jspecify.annotations.NullMarked;
