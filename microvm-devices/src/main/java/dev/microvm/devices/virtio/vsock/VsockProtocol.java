package dev.microvm.devices.virtio.vsock;

/** Constants of the socket device: VIRTIO 1.2, section 5.10. */
final class VsockProtocol {
    // Queues: section 5.10.2
    static final int RX = 0; // packets for the guest
    static final int TX = 1; // packets from the guest
    static final int EVENT = 2;

    /** Stream sockets; implied if no feature was negotiated: section 5.10.3. */
    static final long F_STREAM = 1 << 0;

    // struct virtio_vsock_config: section 5.10.4
    static final int CONFIG_GUEST_CID = 0; // le64
    static final int CONFIG_SIZE = 8;

    /** Context ID of the host: section 5.10.4. */
    static final long HOST_CID = 2;

    // struct virtio_vsock_hdr: section 5.10.6. Offsets in bytes.
    static final int SRC_CID = 0; // le64
    static final int DST_CID = 8; // le64
    static final int SRC_PORT = 16; // le32
    static final int DST_PORT = 20; // le32
    static final int LEN = 24; // le32, bytes of payload
    static final int TYPE = 28; // le16
    static final int OP = 30; // le16
    static final int FLAGS = 32; // le32
    static final int BUF_ALLOC = 36; // le32, bytes
    static final int FWD_CNT = 40; // le32, bytes, free-running
    static final int HEADER_SIZE = 44;

    static final int TYPE_STREAM = 1; // section 5.10.6.2

    // Operations: section 5.10.6
    static final int OP_REQUEST = 1;
    static final int OP_RESPONSE = 2;
    static final int OP_RST = 3;
    static final int OP_SHUTDOWN = 4;
    static final int OP_RW = 5;
    static final int OP_CREDIT_UPDATE = 6;
    static final int OP_CREDIT_REQUEST = 7;

    // Flags of OP_SHUTDOWN, of who sends it: section 5.10.6.5
    static final int SHUTDOWN_RECEIVE = 1 << 0; // it receives no more
    static final int SHUTDOWN_SEND = 1 << 1; // it sends no more
    static final int SHUTDOWN_BOTH = SHUTDOWN_RECEIVE | SHUTDOWN_SEND;

    // struct virtio_vsock_event: section 5.10.6.7
    static final int EVENT_ID = 0; // le32
    static final int EVENT_SIZE = 4;
    static final int EVENT_TRANSPORT_RESET = 0;

    private VsockProtocol() {}
}
