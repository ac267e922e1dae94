/**
 * A machine as data: what a user asks for, and how it ended. Immutable values that start nothing and
 * open nothing.
 */
@NullMarked
package dev.microvm.model;

import org.jspecify.annotations.NullMarked;
