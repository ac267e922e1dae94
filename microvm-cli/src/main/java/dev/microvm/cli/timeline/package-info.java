/** {@code microvm run --timeline}: where the time between the shell and the first command goes. */
@NullMarked
package dev.microvm.cli.timeline;

import org.jspecify.annotations.NullMarked;
