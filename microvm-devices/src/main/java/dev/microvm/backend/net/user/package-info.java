/**
 * A network for one guest inside this process: it needs no rights, no helper program and no Linux.
 *
 * <p>The guest sees an Ethernet with a router, a DHCP server and a name server; QEMU's users know it as {@code -netdev
 * user}. Its TCP connections end here, in a TCP of ours ({@code TcpConnection}), and go on as sockets of this process;
 * UDP flows, too. {@link dev.microvm.backend.net.user.UserNetwork} is the network,
 * {@link dev.microvm.backend.net.user.NetPolicy} says what the guest may reach. All of a network runs on one thread of its
 * own; a guest's frames are copied before they are looked at, and everything that a guest can make grow has a limit.
 *
 * <p>IPv4 addresses are {@code int}, in the order of their text; frames are read and written in arrays of bytes, in network
 * order. Deliberately not here: IPv6, TCP's congestion control (the link to the guest is memory and loses nothing), selective
 * acknowledgements, time stamps, ICMP to the outside.
 */
@NullMarked
package dev.microvm.backend.net.user;

import org.jspecify.annotations.NullMarked;
