/** What tests put in the place of time and wires; for one thread, unless a class says more. */
@NullMarked
package dev.microvm.testing;

import org.jspecify.annotations.NullMarked;
