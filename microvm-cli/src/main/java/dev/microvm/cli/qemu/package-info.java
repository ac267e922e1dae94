/** Invocation lines, monitor and QMP of QEMU. */
@NullMarked
package dev.microvm.cli.qemu;

import org.jspecify.annotations.NullMarked;
