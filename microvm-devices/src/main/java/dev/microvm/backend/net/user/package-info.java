/**
 * A network for one guest inside this process. It needs no privileges, no helper program and no
 * Linux.
 *
 * <p>The guest sees an Ethernet with a router, a DHCP server and a name server, as with
 * {@code -netdev user} of QEMU. Its TCP connections end in this package ({@code TcpConnection}) and
 * continue as sockets of this process, as do its UDP flows.
 * {@link dev.microvm.backend.net.user.UserNetwork} is the network,
 * {@link dev.microvm.backend.net.user.NetPolicy} decides what the guest may reach. A network runs
 * entirely on one thread of its own. Frames of a guest are copied before they are parsed, and all
 * memory and counts that a guest can increase have limits.
 *
 * <p>IPv4 addresses are {@code int}, in the order of their text; frames are read and written in
 * arrays of bytes, in network order. Deliberately not supported: IPv6, TCP's congestion control
 * (the link to the guest is memory and loses nothing), selective acknowledgements, time stamps,
 * ICMP to the outside.
 */
@NullMarked
package dev.microvm.backend.net.user;

import org.jspecify.annotations.NullMarked;
