/** What tests put in the place of time and wires: stepped and recorded by hand, and used from one thread unless a class says more. */
@NullMarked
package dev.microvm.testing;

import org.jspecify.annotations.NullMarked;
