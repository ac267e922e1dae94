package dev.microvm.backend.net.user;

import java.net.InetSocketAddress;

/**
 * A connection, or first datagram, of the guest's, before it is let out.
 *
 * @param protocol what it speaks
 * @param guest where it comes from
 * @param destination where the guest sends it
 * @param target where this process would: the same, but for the host's own address in the guest's network, which leads to
 *     the host's loopback
 */
public record NetFlow(
        Protocol protocol, InetSocketAddress guest, InetSocketAddress destination, InetSocketAddress target) {}
