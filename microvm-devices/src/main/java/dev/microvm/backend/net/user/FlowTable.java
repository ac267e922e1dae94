package dev.microvm.backend.net.user;

import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** Finds flows by their addresses and ports. A lookup allocates nothing. For one thread. */
final class FlowTable<T extends Flow> {
    private static final int MULTIPLIER = 0x9e37_79b1; // 2^32 divided by the golden ratio: spreads what differs little

    private final @Nullable Flow[] buckets;
    private final int seed = ThreadLocalRandom.current().nextInt(); // so that no guest knows what falls together
    private int size;

    /** Makes a table for about {@code expected} flows. */
    FlowTable(int expected) {
        buckets = new Flow[Integer.highestOneBit(Math.max(1, expected)) * 2];
    }

    int size() {
        return size;
    }

    @SuppressWarnings("unchecked") // only add puts flows in
    @Nullable
    T find(int guestAddress, int guestPort, int peerAddress, int peerPort) {
        Flow flow = buckets[bucket(guestAddress, guestPort, peerAddress, peerPort)];
        while (flow != null && !flow.is(guestAddress, guestPort, peerAddress, peerPort)) flow = flow.nextInBucket;
        return (T) flow;
    }

    void add(T flow) {
        int bucket = bucket(flow);
        flow.nextInBucket = buckets[bucket];
        buckets[bucket] = flow;
        size++;
    }

    /** Removes a flow, if it is in the table. */
    void remove(T gone) {
        int bucket = bucket(gone);
        Flow before = null;
        for (Flow flow = buckets[bucket]; flow != null; before = flow, flow = flow.nextInBucket) {
            if (!flow.equals(gone)) continue;
            if (before == null) buckets[bucket] = flow.nextInBucket;
            else before.nextInBucket = flow.nextInBucket;
            flow.nextInBucket = null;
            size--;
            return;
        }
    }

    private int bucket(Flow flow) {
        return bucket(flow.guestAddress, flow.guestPort, flow.peerAddress, flow.peerPort);
    }

    private int bucket(int guestAddress, int guestPort, int peerAddress, int peerPort) {
        int hash = seed;
        hash = (hash ^ peerAddress) * MULTIPLIER;
        hash = (hash ^ (hash >>> 15) ^ ((guestPort << 16) | peerPort)) * MULTIPLIER;
        hash = (hash ^ (hash >>> 15) ^ guestAddress) * MULTIPLIER;
        return (hash >>> 8) & (buckets.length - 1);
    }
}
