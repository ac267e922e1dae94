/** What tests of this module and of those above share: tiny guests, recording handlers, conditions of the test lanes. */
@NullMarked
package dev.microvm.testing;

import org.jspecify.annotations.NullMarked;
