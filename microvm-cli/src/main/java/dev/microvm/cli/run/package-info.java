/** {@code microvm run}: machines that live as long as this process. */
@NullMarked
package dev.microvm.cli.run;

import org.jspecify.annotations.NullMarked;
