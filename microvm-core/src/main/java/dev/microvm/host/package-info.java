/** What this JVM lets us do on its host. Start at {@link dev.microvm.host.NativeAccess}. */
@NullMarked
package dev.microvm.host;

import org.jspecify.annotations.NullMarked;
