/** A decompressor for zstd (RFC 8878): {@link dev.microvm.compress.ZstdDecoder}. For kernels, their modules, and disk images. */
@NullMarked
package dev.microvm.compress;

import org.jspecify.annotations.NullMarked;
