/**
 * Test support shared by all modules: tiny guests, recording handlers, contracts of hypervisors,
 * test lanes.
 */
@NullMarked
package dev.microvm.testing;

import org.jspecify.annotations.NullMarked;
