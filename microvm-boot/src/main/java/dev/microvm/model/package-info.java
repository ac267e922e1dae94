/**
 * A machine as data: its description, and the report of its end. All are immutable values that
 * start and open nothing.
 */
@NullMarked
package dev.microvm.model;

import org.jspecify.annotations.NullMarked;
