/**
 * Shared parts of tests of whole machines: guests, hypervisors that watch or fail, programs for
 * child JVMs.
 */
@NullMarked
package dev.microvm.boot.testing;

import org.jspecify.annotations.NullMarked;
