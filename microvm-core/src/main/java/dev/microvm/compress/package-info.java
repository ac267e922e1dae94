/**
 * Decompressors for what a JVM has none for: zstd ({@link dev.microvm.compress.ZstdDecoder}), bzip2
 * ({@link dev.microvm.compress.Bzip2InputStream}) and blocks of LZ4 ({@link
 * dev.microvm.compress.Lz4Block}). For kernels, their modules, and disk images.
 */
@NullMarked
package dev.microvm.compress;

import org.jspecify.annotations.NullMarked;
