/** What goes wrong: the root of everything microvm throws, and how often what a guest can cause is logged. */
@NullMarked
package dev.microvm.error;

import org.jspecify.annotations.NullMarked;
