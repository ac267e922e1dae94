/** Images and layers that were made or fetched before, in a folder that several processes share. */
@NullMarked
package dev.microvm.sandbox.root.cache;

import org.jspecify.annotations.NullMarked;
