/** The root of everything microvm throws. */
@NullMarked
package dev.microvm.error;

import org.jspecify.annotations.NullMarked;
