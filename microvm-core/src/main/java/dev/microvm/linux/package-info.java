/**
 * Linux from Java: the few system calls that the modules above need, hand-linked so that each keeps its errno, and small
 * owners of what they return. Start at {@link dev.microvm.linux.Libc}.
 *
 * <p>The only package, with {@code dev.microvm.kvm.generated}, that may use the foreign linker.
 */
@NullMarked
package dev.microvm.linux;

import org.jspecify.annotations.NullMarked;
