/** A decompressor for zstd (RFC 8878): {@link dev.microvm.zstd.ZstdDecoder}. For kernels, their modules, and disk images. */
@NullMarked
package dev.microvm.zstd;

import org.jspecify.annotations.NullMarked;
