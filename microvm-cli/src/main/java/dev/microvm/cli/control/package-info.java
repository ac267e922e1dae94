/**
 * Machines that run in other processes: a Unix socket for each, and the commands that use it.
 */
@NullMarked
package dev.microvm.cli.control;

import org.jspecify.annotations.NullMarked;
