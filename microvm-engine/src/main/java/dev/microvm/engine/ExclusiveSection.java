package dev.microvm.engine;

import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Lets one vCPU of a machine change memory in several accesses that are one to all others: while it
 * is in the section, no other runs guest code.
 *
 * <p>Each vCPU says when it is in the guest, and looks between blocks whether it is to wait. One
 * that serves I/O or halts is not in the guest, so no vCPU waits for a device. Devices on threads
 * of their own are not stopped.
 */
final class ExclusiveSection {
    private static final int SPINS = 1000; // then others may need this processor

    private static final long PAUSE_NANOS = 20_000;

    private final List<EngineVcpu> vcpus;
    private final ReentrantLock turn = new ReentrantLock();
    private volatile boolean wanted;

    ExclusiveSection(List<EngineVcpu> vcpus) {
        this.vcpus = vcpus;
    }

    /**
     * Waits until no other vCPU is in the guest; its own thread calls, which then must {@link
     * #end}.
     */
    void begin(EngineVcpu own) {
        own.inGuest(false);
        turn.lock();
        wanted = true;
        for (EngineVcpu other : vcpus) {
            if (other == own) continue;
            other.cpu().loop.attend();
            for (int i = 0; other.inGuest(); i++) pause(i);
        }
    }

    /** Lets the others go on. */
    void end(EngineVcpu own) {
        wanted = false;
        own.inGuest(true);
        turn.unlock();
    }

    /** Goes into the guest; waits while another vCPU is in the section. */
    void enterGuest(EngineVcpu own) {
        if (turn.isHeldByCurrentThread()) return; // it comes back from I/O in the section
        own.inGuest(true);
        if (!wanted) return;
        own.inGuest(false);
        for (int i = 0; wanted && i < SPINS; i++) Thread.onSpinWait();
        turn.lock();
        try {
            own.inGuest(true);
        } finally {
            turn.unlock();
        }
    }

    /** Leaves the guest. */
    void leaveGuest(EngineVcpu own) {
        own.inGuest(false);
    }

    /** Between two blocks: waits if another vCPU wants to be alone. */
    void giveWay(EngineVcpu own) {
        if (wanted) enterGuest(own);
    }

    private static void pause(int times) {
        if (times < SPINS) {
            Thread.onSpinWait();
        } else {
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }
}
