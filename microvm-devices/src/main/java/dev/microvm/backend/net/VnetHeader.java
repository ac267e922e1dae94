package dev.microvm.backend.net;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The header before each frame of a virtio network device, little-endian: {@code struct
 * virtio_net_hdr}, VIRTIO 1.2, 5.1.6. Offsets and sizes are in bytes.
 */
public final class VnetHeader {
    /** The header's size: with num_buffers, as it is since VIRTIO 1.0. */
    public static final int SIZE = 12;

    /** The largest frame with its header: VIRTIO 1.2, 5.1.6.3.1. */
    public static final int MAX_FRAME = 65_562;

    /** What is left to do, offset of a byte. */
    public static final int FLAGS = 0;

    /** How the frame is to be cut, offset of a byte. */
    public static final int GSO_TYPE = 1;

    /** The length of all headers, offset of 16 bits; a hint. */
    public static final int HDR_LEN = 2;

    /** The payload of each segment, offset of 16 bits. */
    public static final int GSO_SIZE = 4;

    /** Where the checksum begins to count, from the frame's start; offset of 16 bits. */
    public static final int CSUM_START = 6;

    /** Where it goes, from there; offset of 16 bits. */
    public static final int CSUM_OFFSET = 8;

    /** How many buffers the frame fills, offset of 16 bits; for frames to the guest. */
    public static final int NUM_BUFFERS = 10;

    /** In {@link #FLAGS}: the checksum is left to do, its field has the pseudo header's. */
    public static final int F_NEEDS_CSUM = 1;

    /** In {@link #FLAGS}: the checksum was found right. */
    public static final int F_DATA_VALID = 2;

    /** In {@link #GSO_TYPE}: not to be cut. */
    public static final int GSO_NONE = 0;

    /** In {@link #GSO_TYPE}: TCP over IPv4. */
    public static final int GSO_TCPV4 = 1;

    /** In {@link #GSO_TYPE}: UDP fragments, which nobody here offers. */
    public static final int GSO_UDP = 3;

    /** In {@link #GSO_TYPE}: TCP over IPv6. */
    public static final int GSO_TCPV6 = 4;

    /** In {@link #GSO_TYPE}, beside another: TCP with ECN. */
    public static final int GSO_ECN = 0x80;

    /** The layout of its 16-bit fields. */
    public static final ValueLayout.OfShort LE_SHORT = JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private VnetHeader() {}
}
