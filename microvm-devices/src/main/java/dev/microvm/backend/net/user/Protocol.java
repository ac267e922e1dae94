package dev.microvm.backend.net.user;

/** What a flow speaks. */
public enum Protocol {
    /** A TCP connection. */
    TCP,
    /** UDP datagrams between two ports. */
    UDP
}
