/**
 * Privileged and system instructions, on the engine and on KVM, from the same random states. A
 * {@link dev.microvm.engine.privileged.SystemCase} is an instruction with all that it can see:
 * registers, descriptor tables, page tables, stacks. {@link
 * dev.microvm.engine.privileged.SystemCaseGenerator} makes them, {@link
 * dev.microvm.engine.privileged.SystemCaseMachine} runs them, {@link
 * dev.microvm.engine.privileged.Comparison} says what differs, and {@link
 * dev.microvm.engine.privileged.NotCompared} what is left out.
 */
@NullMarked
package dev.microvm.engine.privileged;

import org.jspecify.annotations.NullMarked;
