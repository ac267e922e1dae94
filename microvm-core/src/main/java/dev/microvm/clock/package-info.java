/**
 * Time as devices see it: a clock to read and timers to arm, which a test or a deterministic run
 * steps by hand.
 */
@NullMarked
package dev.microvm.clock;

import org.jspecify.annotations.NullMarked;
