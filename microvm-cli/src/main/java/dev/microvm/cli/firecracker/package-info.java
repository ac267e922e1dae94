/** Configuration and API of Firecracker. */
@NullMarked
package dev.microvm.cli.firecracker;

import org.jspecify.annotations.NullMarked;
