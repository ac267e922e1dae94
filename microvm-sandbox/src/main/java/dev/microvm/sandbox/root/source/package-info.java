/** Readers of what a root is made from: directories and archives. */
@NullMarked
package dev.microvm.sandbox.root.source;

import org.jspecify.annotations.NullMarked;
