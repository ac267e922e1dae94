package dev.microvm.sandbox;

/** What a sandbox talks with its agent over. */
public enum AgentTransport {
    /** The socket device, unless the kernel's modules have no driver for it: then the console. */
    AUTO,
    /** The socket device ({@code virtioVsock}): faster, and each connection is the kernel's. */
    VSOCK,
    /** A port of the virtio console, for kernels without sockets of that kind. */
    CONSOLE
}
