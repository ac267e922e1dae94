/** {@code microvm doctor}: what this host can do, what is missing, and how to mend it. */
@NullMarked
package dev.microvm.cli.doctor;

import org.jspecify.annotations.NullMarked;
