package dev.microvm.backend.net.testing;

import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.NetOffload;
import dev.microvm.backend.net.VnetHeader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Semaphore;

/** Joins two networks by a thread that carries frames both ways, and may lose or reorder some. */
public final class Cable implements AutoCloseable {
    private final Semaphore work = new Semaphore(1); // a network says nothing before it is asked
    private final Thread thread;
    private final Random random = new Random(7);
    private final double loss;
    private final double reordering;
    private volatile boolean stopping;

    /**
     * Starts both and joins them.
     *
     * @param loss the part of frames that get lost, from 0 to 1
     * @param reordering the part of frames that the next one overtakes
     */
    public Cable(NetBackend a, NetBackend b, Set<NetOffload> offloads, double loss, double reordering) {
        this.loss = loss;
        this.reordering = reordering;
        a.start("cable", work::release);
        b.start("cable", work::release);
        a.guestOffloads(offloads);
        b.guestOffloads(offloads);
        Way there = new Way(a, b);
        Way back = new Way(b, a);
        thread = new Thread(() -> run(there, back), "cable");
        thread.start();
    }

    private void run(Way there, Way back) {
        while (!stopping) {
            work.acquireUninterruptibly();
            work.drainPermits();
            there.carry();
            back.carry();
        }
    }

    @Override
    public void close() {
        stopping = true;
        work.release();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private final class Way {
        private final NetBackend from;
        private final NetBackend to;
        private final MemorySegment frame = Arena.ofAuto().allocate(VnetHeader.MAX_FRAME);
        private final MemorySegment overtaken = Arena.ofAuto().allocate(VnetHeader.MAX_FRAME);
        private int waiting;
        private int overtakenLength;

        Way(NetBackend from, NetBackend to) {
            this.from = from;
            this.to = to;
        }

        void carry() {
            while (true) {
                if (waiting == 0) waiting = from.receive(frame, 0, VnetHeader.MAX_FRAME);
                if (waiting == NetBackend.NO_FRAME) {
                    if (overtakenLength > 0 && to.send(overtaken, 0, overtakenLength)) overtakenLength = 0;
                    return;
                }
                if (random.nextDouble() < loss) {
                    waiting = 0;
                } else if (overtakenLength == 0 && random.nextDouble() < reordering) {
                    MemorySegment.copy(frame, 0, overtaken, 0, waiting);
                    overtakenLength = waiting;
                    waiting = 0;
                } else {
                    if (!to.send(frame, 0, waiting)) return;
                    waiting = 0;
                    if (overtakenLength > 0 && to.send(overtaken, 0, overtakenLength)) overtakenLength = 0;
                }
            }
        }
    }
}
