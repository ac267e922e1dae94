package dev.microvm.backend.net.user;

import org.jspecify.annotations.Nullable;

/** The traffic between a port of the guest and a port of a peer, as the guest sees it. */
abstract class Flow {
    final int guestAddress;
    final int guestPort;
    final int peerAddress;
    final int peerPort;

    /** The next flow of the same bucket; used by {@link FlowTable}. */
    @Nullable
    Flow nextInBucket;

    /** The neighbours in the order of last use; used by {@link FlowAges}. */
    @Nullable
    Flow older;

    @Nullable
    Flow younger;

    Flow(int guestAddress, int guestPort, int peerAddress, int peerPort) {
        this.guestAddress = guestAddress;
        this.guestPort = guestPort;
        this.peerAddress = peerAddress;
        this.peerPort = peerPort;
    }

    final boolean is(int ofGuestAddress, int ofGuestPort, int ofPeerAddress, int ofPeerPort) {
        return guestPort == ofGuestPort
                && peerPort == ofPeerPort
                && peerAddress == ofPeerAddress
                && guestAddress == ofGuestAddress;
    }
}
