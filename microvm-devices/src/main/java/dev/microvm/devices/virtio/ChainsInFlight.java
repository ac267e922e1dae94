package dev.microvm.devices.virtio;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The chains of a queue that a device has taken and not completed, and those that it has put back.
 * The objects are used again, so chains that come and go allocate nothing.
 */
final class ChainsInFlight {
    private final ArrayDeque<DescriptorChain> free = new ArrayDeque<>();
    private @Nullable DescriptorChain[] byHead = {};
    private int count;
    private int order; // of the next to be taken
    private int[] putBack = {}; // heads to be taken before those of the ring, the last one first
    private int putBackCount;

    /** Has room for chains of a queue of so many entries, and none in flight. */
    void start(int size) {
        if (byHead.length == size) return;
        byHead = new DescriptorChain[size];
        putBack = new int[size];
    }

    /** Forgets all. These objects are not used again, as a device may hold on to them. */
    void clear() {
        count = 0;
        putBackCount = 0;
        Arrays.fill(byHead, null);
    }

    /** How many there are, without those that were put back. */
    int count() {
        return count;
    }

    /** How many were put back and wait to be taken again. */
    int putBackCount() {
        return putBackCount;
    }

    /** The head of the chain that was put back last; there must be one. */
    int takePutBack() {
        return putBack[--putBackCount];
    }

    /** Whether the chain with such a head is in flight. */
    boolean has(int head) {
        return byHead[head] != null;
    }

    /** Whether this very chain is in flight: not one from before a reset. */
    boolean has(DescriptorChain chain) {
        int head = chain.head();
        return head >= 0 && head < byHead.length && byHead[head] == chain;
    }

    /** A chain without buffers, which is to be filled and then {@linkplain #add added}. */
    DescriptorChain begin(int head) {
        DescriptorChain chain = free.isEmpty() ? new DescriptorChain() : free.pop();
        chain.begin(head, order++);
        return chain;
    }

    void add(DescriptorChain chain) {
        byHead[chain.head()] = chain;
        count++;
    }

    /** Ends a chain's use. */
    void remove(DescriptorChain chain) {
        byHead[chain.head()] = null;
        count--;
        chain.end();
        free.push(chain);
    }

    /** Puts the chain back that was taken last. */
    void putBack(DescriptorChain chain) {
        if (chain.order() != order - 1) throw new IllegalStateException("not the last chain that was taken");
        order--;
        putBack[putBackCount++] = chain.head();
        remove(chain);
    }

    /** All heads, in the order in which they are to be taken again, as 16-bit numbers. */
    byte[] heads() {
        ByteBuffer heads = ByteBuffer.allocate(Short.BYTES * (count + putBackCount));
        Arrays.stream(byHead)
                .filter(Objects::nonNull)
                .sorted(Comparator.comparingInt(chain -> chain.order() - order))
                .forEach(chain -> heads.putShort((short) chain.head()));
        for (int i = putBackCount - 1; i >= 0; i--) heads.putShort((short) putBack[i]);
        return heads.array();
    }

    /** Puts {@link #heads} back, as chains to be taken. */
    void restore(byte[] saved) {
        ByteBuffer heads = ByteBuffer.wrap(saved);
        int chains = heads.remaining() / Short.BYTES;
        if (chains > putBack.length) {
            throw new IllegalArgumentException(
                    "state of %d chains in flight in a queue of %d".formatted(chains, putBack.length));
        }
        putBackCount = chains;
        for (int i = chains - 1; i >= 0; i--) putBack[i] = Short.toUnsignedInt(heads.getShort());
    }
}
