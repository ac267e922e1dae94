package dev.microvm.backend.net.user;

import dev.microvm.backend.net.user.Headers.Tcp;

/**
 * The receiving side of a connection with the guest: the receive sequence space of RFC 9293, 3.3.1,
 * and data that arrived out of order. Sequence numbers are compared by difference. For one thread.
 */
final class TcpReceiver {
    private static final int MOST_RANGES = 32; // beyond that, what comes out of order is as if lost

    private final ByteRing ring;
    private final int limit;
    private final int[] starts = new int[MOST_RANGES]; // of ranges behind a gap, by rising number
    private final int[] ends = new int[MOST_RANGES];
    private int ranges;
    private int next; // RCV.NXT
    private int edge; // RCV.NXT + RCV.WND, as it was last told to the guest
    private int scale;
    private int finAt;
    private boolean finKnown;
    private boolean finTaken;

    TcpReceiver(int limit, MemoryBudget budget) {
        this.limit = limit;
        ring = new ByteRing(limit, budget);
    }

    /** Returns the ring of the data that arrived in order, for the host. */
    ByteRing ring() {
        return ring;
    }

    int next() {
        return next;
    }

    /** Begins at the guest's SYN. */
    void begin(int synSequence) {
        next = synSequence + 1;
        edge = next;
    }

    /** Returns the window scale that can express the limit of the ring: RFC 7323, 2.2. */
    int wantedScale() {
        int shift = 0;
        while (limit >>> shift > Tcp.MAX_WINDOW) shift++;
        return shift;
    }

    void scale(int shift) {
        scale = shift;
    }

    /** Returns whether a segment overlaps the window: RFC 9293, 3.10.7.4. */
    boolean accepts(int sequence, int length) {
        int window = edge - next;
        int first = sequence - next;
        int last = first + Math.max(0, length - 1);
        if (length > 0 && window == 0) return false;
        return last >= 0 && first < Math.max(1, window);
    }

    /** Returns whether data is missing before this sequence number. */
    boolean isBehindGap(int sequence) {
        return sequence - next > 0;
    }

    /** Takes the part of the data that is new and in the window. */
    void data(int sequence, byte[] from, int at, int length) {
        int skip = Math.max(0, next - sequence);
        int begin = sequence + skip;
        int size = Math.min(length - skip, edge - begin);
        if (size <= 0) return;
        int gap = begin - next;
        if (!ring.putBehind(gap, from, at + skip, size)) return; // no memory: as if lost, the guest sends it again
        if (gap == 0) advance(begin + size);
        else addRange(begin, begin + size);
    }

    /** Notes where the guest's data ends. */
    void fin(int sequence) {
        if (finKnown || sequence - edge > 0) return;
        finKnown = true;
        finAt = sequence;
    }

    /** Takes the FIN once, when all data before it has arrived; returns whether it did. */
    boolean takeFin() {
        if (!finKnown || finTaken || next != finAt) return false;
        finTaken = true;
        next++;
        if (edge - next < 0) edge = next;
        return true;
    }

    boolean finTaken() {
        return finTaken;
    }

    /** Returns the window for a header, and notes that the guest knows it. */
    int window(int mss) {
        if (opening() >= Math.min(mss, limit / 2)) edge += opening(); // no silly windows: RFC 9293, 3.8.6.2.2
        return (edge - next) >>> scale;
    }

    /** Returns the window for a SYN, which is not scaled. */
    int synWindow() {
        edge = next + Math.min(ring.free(), Tcp.MAX_WINDOW);
        return edge - next;
    }

    /** Returns whether the window has grown so much that the guest should be told. */
    boolean windowOpened(int mss) {
        return opening() >= Math.min(2 * mss, limit / 2);
    }

    private int opening() {
        return next + Math.min(ring.free(), Tcp.MAX_WINDOW << scale) - edge;
    }

    private void advance(int to) {
        int reached = to;
        int merged = 0;
        while (merged < ranges && starts[merged] - reached <= 0) {
            if (ends[merged] - reached > 0) reached = ends[merged];
            merged++;
        }
        ranges -= merged;
        System.arraycopy(starts, merged, starts, 0, ranges);
        System.arraycopy(ends, merged, ends, 0, ranges);
        ring.extend(reached - next);
        next = reached;
    }

    private void addRange(int start, int end) {
        int first = 0;
        while (first < ranges && ends[first] - start < 0) first++;
        int behind = first;
        while (behind < ranges && starts[behind] - end <= 0) behind++;
        if (behind == first) { // touches none
            if (ranges == MOST_RANGES) return;
            System.arraycopy(starts, first, starts, first + 1, ranges - first);
            System.arraycopy(ends, first, ends, first + 1, ranges - first);
            ranges++;
            starts[first] = start;
            ends[first] = end;
            return;
        }
        starts[first] = starts[first] - start < 0 ? starts[first] : start;
        ends[first] = ends[behind - 1] - end > 0 ? ends[behind - 1] : end;
        System.arraycopy(starts, behind, starts, first + 1, ranges - behind);
        System.arraycopy(ends, behind, ends, first + 1, ranges - behind);
        ranges -= behind - first - 1;
    }
}
