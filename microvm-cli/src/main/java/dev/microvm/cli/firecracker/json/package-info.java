/** JSON with the rules and the error texts of Rust's serde, by which Firecracker reads it. */
@NullMarked
package dev.microvm.cli.firecracker.json;

import org.jspecify.annotations.NullMarked;
