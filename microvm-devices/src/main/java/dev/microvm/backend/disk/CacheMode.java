package dev.microvm.backend.disk;

/** Whether the host keeps what passes to and from an image in memory. Flushes reach the medium in either mode. */
public enum CacheMode {
    /** The host's page cache is used. */
    WRITEBACK,
    /** Data passes the page cache by (O_DIRECT). On Linux only, on file systems that can do it. */
    NONE
}
