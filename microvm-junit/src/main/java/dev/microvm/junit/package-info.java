/** Guests as fields and parameters of tests. */
@NullMarked
package dev.microvm.junit;

import org.jspecify.annotations.NullMarked;
