/**
 * A directory of the host, served to a guest that may be hostile: {@link
 * dev.microvm.backend.fs.host.HostTree}.
 */
@NullMarked
package dev.microvm.backend.fs.host;

import org.jspecify.annotations.NullMarked;
