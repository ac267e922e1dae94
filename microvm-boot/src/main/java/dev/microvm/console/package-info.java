/**
 * The connection between a guest's console and the host: {@link dev.microvm.console.ConsoleBuffer}
 * keeps what the guest prints, {@link dev.microvm.console.ConsoleInput} takes what is typed, {@link
 * dev.microvm.console.ConsoleLink} copies between them and the host's streams.
 */
@NullMarked
package dev.microvm.console;

import org.jspecify.annotations.NullMarked;
