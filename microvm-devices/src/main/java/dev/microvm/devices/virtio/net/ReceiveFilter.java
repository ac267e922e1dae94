package dev.microvm.devices.virtio.net;

import dev.microvm.devices.virtio.GuestBuffer;
import dev.microvm.state.DeviceState;
import java.nio.ByteBuffer;

/** Which frames the driver wants: VIRTIO 1.2, 5.1.6.5.1 and 5.1.6.5.2. At first all. */
final class ReceiveFilter {
    private static final int MAC_SIZE = 6;
    private static final int MOST_ENTRIES = 64; // of each table; with more, all frames of the kind pass
    private static final long BROADCAST = 0xffff_ffff_ffffL;
    private static final long GROUP = 1L << 40;

    private boolean promiscuous = true;
    private boolean allMulticast;
    private long[] unicast = {};
    private long[] multicast = {};
    private boolean unicastOverflow;
    private boolean multicastOverflow;

    void reset() {
        promiscuous = true;
        allMulticast = false;
        unicast = new long[0];
        multicast = new long[0];
        unicastOverflow = false;
        multicastOverflow = false;
    }

    void promiscuous(boolean on) {
        promiscuous = on;
    }

    void allMulticast(boolean on) {
        allMulticast = on;
    }

    /** Whether a frame to this address is wanted by a station with that one. */
    boolean accepts(long destination, long own) {
        if (promiscuous || destination == own || destination == BROADCAST) return true;
        return (destination & GROUP) == 0
                ? unicastOverflow || contains(unicast, destination)
                : allMulticast || multicastOverflow || contains(multicast, destination);
    }

    /**
     * Takes both tables of a VIRTIO_NET_CTRL_MAC_TABLE_SET, from {@code at} on; returns false if
     * they are cut off.
     */
    boolean setTables(GuestBuffer from, long at) {
        long unicastCount = count(from, at);
        if (unicastCount < 0) return false;
        long second = at + Integer.BYTES + unicastCount * MAC_SIZE;
        long multicastCount = count(from, second);
        if (multicastCount < 0) return false;
        unicastOverflow = unicastCount > MOST_ENTRIES;
        multicastOverflow = multicastCount > MOST_ENTRIES;
        unicast = read(from, at + Integer.BYTES, unicastCount);
        multicast = read(from, second + Integer.BYTES, multicastCount);
        return true;
    }

    /** How many entries the table at {@code at} has; negative if they do not fit. */
    private static long count(GuestBuffer from, long at) {
        if (from.length() - at < Integer.BYTES) return -1;
        long entries = Integer.toUnsignedLong(from.getInt(at));
        return entries <= (from.length() - at - Integer.BYTES) / MAC_SIZE ? entries : -1;
    }

    private static long[] read(GuestBuffer from, long at, long count) {
        long[] table = new long[(int) Math.min(count, MOST_ENTRIES)];
        for (int i = 0; i < table.length; i++) table[i] = mac(from, at + (long) i * MAC_SIZE);
        return table;
    }

    /** An Ethernet address, which is in network order. */
    static long mac(GuestBuffer from, long at) {
        long mac = 0;
        for (int i = 0; i < MAC_SIZE; i++) mac = (mac << Byte.SIZE) | from.getByte(at + i);
        return mac;
    }

    private static boolean contains(long[] table, long mac) {
        for (long each : table) if (each == mac) return true;
        return false;
    }

    void save(DeviceState state) {
        state.put("promiscuous", promiscuous)
                .put("allMulticast", allMulticast)
                .put("unicastOverflow", unicastOverflow)
                .put("multicastOverflow", multicastOverflow)
                .put("unicast", toBytes(unicast))
                .put("multicast", toBytes(multicast));
    }

    void restore(DeviceState state) {
        promiscuous = state.flag("promiscuous");
        allMulticast = state.flag("allMulticast");
        unicastOverflow = state.flag("unicastOverflow");
        multicastOverflow = state.flag("multicastOverflow");
        unicast = fromBytes(state.bytes("unicast"));
        multicast = fromBytes(state.bytes("multicast"));
    }

    private static byte[] toBytes(long[] table) {
        ByteBuffer bytes = ByteBuffer.allocate(table.length * Long.BYTES);
        for (long each : table) bytes.putLong(each);
        return bytes.array();
    }

    private static long[] fromBytes(byte[] bytes) {
        ByteBuffer from = ByteBuffer.wrap(bytes);
        long[] table = new long[Math.min(bytes.length / Long.BYTES, MOST_ENTRIES)];
        for (int i = 0; i < table.length; i++) table[i] = from.getLong();
        return table;
    }
}
