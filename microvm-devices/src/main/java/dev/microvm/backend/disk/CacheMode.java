package dev.microvm.backend.disk;

/**
 * Whether the host caches the data of an image in memory. Flushes reach the medium in either mode.
 */
public enum CacheMode {
    /** Uses the host's page cache. */
    WRITEBACK,
    /**
     * Bypasses the page cache (O_DIRECT). Available only on Linux, on file systems that support it.
     */
    NONE
}
