/**
 * The base class of the exceptions that microvm defines, and how often to log what a guest can
 * cause.
 */
@NullMarked
package dev.microvm.error;

import org.jspecify.annotations.NullMarked;
