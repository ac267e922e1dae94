package dev.microvm.backend.net.user;

import dev.microvm.backend.net.user.Headers.Ipv4;
import dev.microvm.backend.net.user.Headers.Tcp;

/** A parsed TCP segment of the guest. One object is reused for all segments. */
final class TcpSegment {
    static final int NO_SCALE = -1;

    int sourcePort;
    int destinationPort;
    int sequence;
    int acknowledgment;
    int flags;
    int window; // as it is in the header
    int mss;
    int scale;
    byte[] bytes = {};
    int data; // where in bytes
    int length; // of the data

    /**
     * Parses a segment.
     *
     * @param checksumDone whether the checksum need not be checked
     * @return whether it is a valid segment
     */
    boolean parse(byte[] from, int at, int size, int source, int destination, boolean checksumDone) {
        if (size < Tcp.SIZE) return false;
        int header = (Bytes.getByte(from, at + Tcp.DATA_OFFSET) >>> 4) * Integer.BYTES;
        if (header < Tcp.SIZE || header > size) return false;
        if (!checksumDone) {
            long sum = GuestLink.pseudoSum(source, destination, Ipv4.TCP, size);
            if (Bytes.checksum(Bytes.sum(from, at, size, sum)) != 0) return false;
        }
        sourcePort = Bytes.getShort(from, at + Tcp.SOURCE_PORT);
        destinationPort = Bytes.getShort(from, at + Tcp.DESTINATION_PORT);
        sequence = Bytes.getInt(from, at + Tcp.SEQUENCE);
        acknowledgment = Bytes.getInt(from, at + Tcp.ACKNOWLEDGMENT);
        flags = Bytes.getByte(from, at + Tcp.FLAGS);
        window = Bytes.getShort(from, at + Tcp.WINDOW);
        bytes = from;
        data = at + header;
        length = size - header;
        mss = Tcp.DEFAULT_MSS;
        scale = NO_SCALE;
        return !has(Tcp.SYN) || parseOptions(from, at + Tcp.SIZE, at + header);
    }

    boolean has(int flag) {
        return (flags & flag) != 0;
    }

    /** Returns how many sequence numbers the segment takes. */
    int sequenceLength() {
        return length + (has(Tcp.SYN) ? 1 : 0) + (has(Tcp.FIN) ? 1 : 0);
    }

    private boolean parseOptions(byte[] from, int begin, int end) {
        int at = begin;
        while (at < end) {
            int kind = Bytes.getByte(from, at);
            if (kind == Tcp.OPTION_END) return true;
            if (kind == Tcp.OPTION_NOP) {
                at++;
                continue;
            }
            if (at + 1 >= end) return false;
            int size = Bytes.getByte(from, at + 1);
            if (size < 2 || at + size > end) return false;
            if (kind == Tcp.OPTION_MSS && size == Tcp.OPTION_MSS_SIZE) mss = Bytes.getShort(from, at + 2);
            if (kind == Tcp.OPTION_SCALE && size == Tcp.OPTION_SCALE_SIZE) {
                scale = Math.min(Bytes.getByte(from, at + 2), Tcp.MAX_SCALE);
            }
            at += size;
        }
        return true;
    }
}
