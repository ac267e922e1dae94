/**
 * Linux system calls from Java, linked by hand so that each keeps its errno, and small classes that
 * own what the calls return. Start at {@link dev.microvm.linux.Libc}.
 *
 * <p>Only this package and {@code dev.microvm.kvm.generated} may use the foreign linker.
 */
@NullMarked
package dev.microvm.linux;

import org.jspecify.annotations.NullMarked;
