package dev.microvm.backend.net;

/**
 * Work on a frame that the side which sends it may leave to the side which takes it: VIRTIO 1.2,
 * 5.1.3.
 */
public enum NetOffload {
    /** The checksum of TCP and UDP; the others need it. */
    CHECKSUM,
    /** Cutting TCP over IPv4 into segments. */
    TSO4,
    /** Cutting TCP over IPv6 into segments. */
    TSO6,
    /** Cutting TCP with ECN into segments. */
    TSO_ECN
}
