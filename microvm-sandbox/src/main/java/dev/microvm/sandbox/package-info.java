/** Guests to work with. */
@NullMarked
package dev.microvm.sandbox;

import org.jspecify.annotations.NullMarked;
