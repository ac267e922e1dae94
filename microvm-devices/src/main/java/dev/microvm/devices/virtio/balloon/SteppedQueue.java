package dev.microvm.devices.virtio.balloon;

import dev.microvm.devices.virtio.ChainHandler;
import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.GuestBuffer;
import dev.microvm.devices.virtio.Virtqueue;
import java.util.concurrent.Executor;
import java.util.function.Function;

/**
 * Serves a queue in turns of the loop with a bounded amount of work each, because a chain may name
 * all memory of a guest, and other devices need the loop too. An unfinished chain stays in the
 * queue, with a note of how far it was served.
 */
final class SteppedQueue {
    /**
     * Serves the bytes {@code [at, at + size)} of a buffer; {@code at} is 0 or a multiple of the
     * work of a turn.
     */
    @FunctionalInterface
    interface Step {
        void serve(GuestBuffer buffer, long at, long size);
    }

    private final Virtqueue queue;
    private final Executor loop;
    private final Function<DescriptorChain, GuestBuffer> part;
    private final long bytesPerTurn;
    private final Step step;
    private final ChainHandler take = this::take;
    private final Runnable goOn = this::goOn;

    private long done; // bytes of the first chain
    private long left; // bytes that this turn may still serve
    private boolean goesOn; // there will be another turn

    /**
     * Serves a queue.
     *
     * @param loop runs further turns
     * @param part part of a chain that is served
     * @param bytesPerTurn maximum number of bytes to serve in a turn
     */
    SteppedQueue(
            Virtqueue queue, Executor loop, Function<DescriptorChain, GuestBuffer> part, long bytesPerTurn, Step step) {
        this.queue = queue;
        this.loop = loop;
        this.part = part;
        this.bytesPerTurn = bytesPerTurn;
        this.step = step;
    }

    /** Handles a notification of the driver: it made buffers available. */
    void notified() {
        if (!goesOn) serve(); // else the turn that is due will see it
    }

    private void goOn() {
        goesOn = false;
        serve();
    }

    private void serve() {
        left = bytesPerTurn;
        queue.drain(take);
        if (left > 0) return;
        goesOn = true;
        loop.execute(goOn);
    }

    private boolean take(DescriptorChain chain) {
        GuestBuffer buffer = part.apply(chain);
        long size = Math.min(buffer.length() - done, left); // negative if the driver made a begun chain shorter
        if (size > 0) {
            step.serve(buffer, done, size);
            done += size;
            left -= size;
        }
        if (done < buffer.length()) return false;
        done = 0;
        queue.complete(chain, 0);
        return true;
    }

    /** Forgets an unfinished chain. */
    void reset() {
        done = 0;
    }
}
