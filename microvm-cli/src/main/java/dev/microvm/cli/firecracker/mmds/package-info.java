/** The metadata service for guests, MMDS: its content, its tokens, and its HTTP. */
@NullMarked
package dev.microvm.cli.firecracker.mmds;

import org.jspecify.annotations.NullMarked;
