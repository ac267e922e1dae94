/** Tar archives, of any origin: read entry by entry in bounded memory, and written. */
@NullMarked
package dev.microvm.sandbox.tar;

import org.jspecify.annotations.NullMarked;
