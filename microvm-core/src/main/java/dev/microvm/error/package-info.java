/** The base class of the exceptions that microvm defines. */
@NullMarked
package dev.microvm.error;

import org.jspecify.annotations.NullMarked;
