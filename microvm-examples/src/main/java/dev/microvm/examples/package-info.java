/** The examples. Start at {@link dev.microvm.examples.BootLinux}. */
@NullMarked
package dev.microvm.examples;

import org.jspecify.annotations.NullMarked;
