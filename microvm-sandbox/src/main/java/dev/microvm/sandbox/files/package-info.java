/** The files of a guest as a {@link java.nio.file.FileSystem}. */
@NullMarked
package dev.microvm.sandbox.files;

import org.jspecify.annotations.NullMarked;
