package dev.microvm.backend.net.user;

/** The protocol of a flow. */
public enum Protocol {
    /** A TCP connection. */
    TCP,
    /** UDP datagrams between two ports. */
    UDP
}
