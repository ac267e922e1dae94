/** The command line. */
@NullMarked
package dev.microvm.cli;

import org.jspecify.annotations.NullMarked;
