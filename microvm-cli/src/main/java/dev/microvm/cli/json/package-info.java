/** JSON that all commands write. */
@NullMarked
package dev.microvm.cli.json;

import org.jspecify.annotations.NullMarked;
