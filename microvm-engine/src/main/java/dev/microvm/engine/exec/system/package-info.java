/**
 * Instructions for operating systems, and I/O: what privilege, descriptor tables and control
 * registers have to do with.
 */
@NullMarked
package dev.microvm.engine.exec.system;

import org.jspecify.annotations.NullMarked;
