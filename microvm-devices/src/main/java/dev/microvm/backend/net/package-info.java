/**
 * Networks for a virtual network device: the other end of its cable.
 *
 * <p>{@link dev.microvm.backend.net.NetBackend} is what a device needs of one, and what a network
 * of your own implements. A frame is Ethernet without its check sequence; it passes as a triple of
 * segment, offset and length in bytes, so that what lies in guest memory is copied once. {@link
 * dev.microvm.backend.net.user} is a network in this process that needs no rights; start reading
 * there. The device itself is not here.
 */
@NullMarked
package dev.microvm.backend.net;

import org.jspecify.annotations.NullMarked;
