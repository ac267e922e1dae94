/**
 * Twelve lessons, each a short program: {@link dev.microvm.examples.Lessons} has them in order. To
 * see a whole machine first, start at {@link dev.microvm.examples.BootLinux}.
 */
@NullMarked
package dev.microvm.examples;

import org.jspecify.annotations.NullMarked;
