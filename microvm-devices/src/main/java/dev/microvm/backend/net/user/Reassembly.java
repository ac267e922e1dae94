package dev.microvm.backend.net.user;

import dev.microvm.backend.net.user.Headers.Ipv4;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reassembles fragments of the guest's IPv4 packets: RFC 791, 3.2. A packet with overlapping
 * fragments is dropped, because they are an attack or an error (RFC 1858). The number of incomplete
 * packets, their bytes (64 KiB each) and the time of each are bounded; each packet that is dropped
 * is counted. For the network's thread.
 */
final class Reassembly {
    private static final int MOST_PACKETS = 16;
    private static final long LIFETIME_NANOS = 30_000_000_000L; // RFC 1122, 3.3.2, says 60 s and more; it is near

    private final List<Packet> packets = new ArrayList<>();
    private final Counters counters;

    Reassembly(Counters counters) {
        this.counters = counters;
    }

    /** An incomplete packet. */
    private static final class Packet {
        private final int source;
        private final int destination;
        private final int protocol;
        private final int identification;
        private final long deadline;
        private byte[] bytes = new byte[Ipv4.SIZE + 2048];
        private final BitSet units = new BitSet();
        private int end = -1; // of the payload, once the last fragment came

        private Packet(byte[] from, int header, long deadline) {
            source = Bytes.getInt(from, header + Ipv4.SOURCE);
            destination = Bytes.getInt(from, header + Ipv4.DESTINATION);
            protocol = Bytes.getByte(from, header + Ipv4.PROTOCOL);
            identification = Bytes.getShort(from, header + Ipv4.IDENTIFICATION);
            this.deadline = deadline;
            System.arraycopy(from, header, bytes, 0, Ipv4.SIZE); // its options are of no use here
        }

        private boolean is(byte[] from, int header) {
            return identification == Bytes.getShort(from, header + Ipv4.IDENTIFICATION)
                    && protocol == Bytes.getByte(from, header + Ipv4.PROTOCOL)
                    && source == Bytes.getInt(from, header + Ipv4.SOURCE)
                    && destination == Bytes.getInt(from, header + Ipv4.DESTINATION);
        }

        /** Adds a fragment; returns false if it does not fit. */
        private boolean put(byte[] from, int at, int offset, int length, boolean more) {
            int fragmentEnd = offset + length;
            if (length == 0
                    || fragmentEnd > Ipv4.MAX_LENGTH - Ipv4.SIZE
                    || (more && length % Ipv4.FRAGMENT_UNIT != 0)
                    || (end >= 0 && (!more || fragmentEnd > end))) return false;
            int first = offset / Ipv4.FRAGMENT_UNIT;
            int behind = (fragmentEnd + Ipv4.FRAGMENT_UNIT - 1) / Ipv4.FRAGMENT_UNIT;
            int taken = units.nextSetBit(first);
            if (taken >= 0 && (taken < behind || !more)) return false;
            units.set(first, behind);
            if (!more) end = fragmentEnd;
            if (Ipv4.SIZE + fragmentEnd > bytes.length) {
                bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, Ipv4.SIZE + fragmentEnd));
            }
            System.arraycopy(from, at, bytes, Ipv4.SIZE + offset, length);
            return true;
        }

        private boolean complete() {
            return end >= 0 && units.nextClearBit(0) * Ipv4.FRAGMENT_UNIT >= end;
        }

        private byte[] whole() {
            Bytes.putByte(bytes, Ipv4.VERSION_IHL, Ipv4.VERSION_4_NO_OPTIONS);
            Bytes.putShort(bytes, Ipv4.TOTAL_LENGTH, Ipv4.SIZE + end);
            Bytes.putShort(bytes, Ipv4.FRAGMENT, 0);
            return bytes;
        }
    }

    /**
     * Adds a fragment.
     *
     * @param header offset of its IPv4 header; {@code at} and {@code length} are its payload
     * @return the complete packet with a header of 20 bytes if this was its last missing fragment;
     *     otherwise null
     */
    byte @Nullable [] input(byte[] from, int header, int at, int length, long now) {
        while (!packets.isEmpty() && packets.getFirst().deadline - now <= 0) drop(packets.getFirst());
        Packet packet = find(from, header);
        if (packet == null) {
            if (packets.size() == MOST_PACKETS) drop(packets.getFirst());
            packet = new Packet(from, header, now + LIFETIME_NANOS);
            packets.add(packet);
        }
        int fragment = Bytes.getShort(from, header + Ipv4.FRAGMENT);
        int offset = (fragment & Ipv4.FRAGMENT_OFFSET_MASK) * Ipv4.FRAGMENT_UNIT;
        boolean fits = packet.put(from, at, offset, length, (fragment & Ipv4.MORE_FRAGMENTS) != 0);
        if (!fits) {
            drop(packet);
            return null;
        }
        if (!packet.complete()) return null;
        packets.remove(packet);
        return packet.whole();
    }

    private void drop(Packet packet) {
        packets.remove(packet);
        counters.count(NetCounter.FRAGMENTS_DROPPED);
    }

    private @Nullable Packet find(byte[] from, int header) {
        for (Packet packet : packets) if (packet.is(from, header)) return packet;
        return null;
    }
}
