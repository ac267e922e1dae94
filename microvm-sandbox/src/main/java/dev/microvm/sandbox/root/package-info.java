/**
 * Root file systems for guests, from whatever there is: {@link dev.microvm.sandbox.root.Root}.
 */
@NullMarked
package dev.microvm.sandbox.root;

import org.jspecify.annotations.NullMarked;
