/** A command of a guest, connected to the standard streams of this process. */
@NullMarked
package dev.microvm.cli.attach;

import org.jspecify.annotations.NullMarked;
