/** The machine behind Firecracker's API: what was configured, and what runs. */
@NullMarked
package dev.microvm.cli.firecracker.vm;

import org.jspecify.annotations.NullMarked;
