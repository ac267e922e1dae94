/**
 * Decompressors for kernels, their modules, initial file systems and disk images: zstd ({@link
 * dev.microvm.compress.ZstdInputStream}), gzip ({@link dev.microvm.compress.GzipInputStream}), bzip2
 * ({@link dev.microvm.compress.Bzip2InputStream}) and blocks of LZ4 ({@link
 * dev.microvm.compress.Lz4Block}).
 *
 * <p>Every byte of the input is hostile. The heap that a decompressor allocates is bounded by its
 * format and by what the caller wants, and the caller is told before it is allocated. The work is
 * bounded by the bytes that are read and returned.
 */
@NullMarked
package dev.microvm.compress;

import org.jspecify.annotations.NullMarked;
