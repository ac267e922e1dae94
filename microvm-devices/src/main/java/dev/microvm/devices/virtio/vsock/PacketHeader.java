package dev.microvm.devices.virtio.vsock;

import static dev.microvm.devices.virtio.vsock.VsockProtocol.*;

import dev.microvm.devices.virtio.GuestBuffer;

/**
 * The header of one packet of either direction: struct virtio_vsock_hdr, VIRTIO 1.2, section
 * 5.10.6. The object is reused for many packets. Not thread-safe.
 */
final class PacketHeader {
    long sourceCid;
    long destinationCid;
    int sourcePort; // unsigned, as the next
    int destinationPort;
    int length; // of the payload, bytes; unsigned
    int type;
    int op;
    int flags;
    int bufferSpace; // of who sends the packet, for this connection, bytes; unsigned
    int forwarded; // how many bytes its program has taken, modulo 2^32

    /** Reads each field once. */
    void read(GuestBuffer from) {
        sourceCid = from.getLong(SRC_CID);
        destinationCid = from.getLong(DST_CID);
        sourcePort = from.getInt(SRC_PORT);
        destinationPort = from.getInt(DST_PORT);
        length = from.getInt(LEN);
        type = from.getShort(TYPE);
        op = from.getShort(OP);
        flags = from.getInt(FLAGS);
        bufferSpace = from.getInt(BUF_ALLOC);
        forwarded = from.getInt(FWD_CNT);
    }

    void write(GuestBuffer to) {
        to.putLong(SRC_CID, sourceCid);
        to.putLong(DST_CID, destinationCid);
        to.putInt(SRC_PORT, sourcePort);
        to.putInt(DST_PORT, destinationPort);
        to.putInt(LEN, length);
        to.putShort(TYPE, type);
        to.putShort(OP, op);
        to.putInt(FLAGS, flags);
        to.putInt(BUF_ALLOC, bufferSpace);
        to.putInt(FWD_CNT, forwarded);
    }
}
