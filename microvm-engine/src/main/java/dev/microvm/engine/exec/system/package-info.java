/**
 * Instructions of operating systems, and I/O.
 */
@NullMarked
package dev.microvm.engine.exec.system;

import org.jspecify.annotations.NullMarked;
