package dev.microvm.backend.net.user;

import static dev.microvm.backend.net.user.NetCounter.DESCRIPTORS_REFUSED;
import static dev.microvm.backend.net.user.NetCounter.FLOWS_EVICTED;

import dev.microvm.error.GuestNoise;
import dev.microvm.limits.Budget;
import java.io.IOException;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file descriptors that the flows of one guest hold. All networks of the JVM share one budget.
 * If it has none left for this network, the least valuable flow of the same guest ends; if there is
 * no such flow, the new flow is refused. If another network needs its fair part, this one gives
 * back, on its own thread.
 *
 * <p>For the network's thread, except that the budget may call {@code wake} on any thread.
 */
final class SocketBudget implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(SocketBudget.class);

    private final Budget.Share share;
    private final NetLoop loop;
    private final Counters counters;
    private final String name;
    private final GuestNoise refusals = new GuestNoise();
    private volatile boolean pressed;
    private List<BooleanSupplier> forOwn = List.of();
    private List<BooleanSupplier> forOthers = List.of();

    SocketBudget(Budget budget, NetLoop loop, Counters counters, String name) {
        this.loop = loop;
        this.counters = counters;
        this.name = name;
        share = budget.open(name, this::press);
    }

    private void press() {
        pressed = true;
        loop.wake();
    }

    /**
     * Sets how flows end to make room, the least valuable first. Each action ends one flow and
     * returns false if there is none.
     *
     * @param own actions for another flow of this guest
     * @param others actions for the flows of other guests
     */
    void evictBy(List<BooleanSupplier> own, List<BooleanSupplier> others) {
        forOwn = own;
        forOthers = others;
    }

    /** Takes a descriptor, if need be from another flow; returns false if it cannot be had. */
    boolean take() {
        if (share.tryTake(1) || (evict(forOwn) && share.tryTake(1))) return true;
        refused("the share of this guest is used up: " + share);
        return false;
    }

    /** Notes that the operating system gave no descriptor for what was taken here. */
    void failed(IOException cause) {
        give();
        refused(String.valueOf(cause.getMessage()));
    }

    private void refused(String why) {
        counters.count(DESCRIPTORS_REFUSED);
        long n = refusals.count();
        if (n != 0) log.warn("{}: no descriptor for a connection of the guest ({} times so far): {}", name, n, why);
    }

    /** Gives back a descriptor. */
    void give() {
        share.give(1);
    }

    /** Returns how many descriptors this network holds. */
    long held() {
        return share.used();
    }

    /** Gives back what other networks need, if they asked for it. */
    void giveBack() {
        if (!pressed) return;
        pressed = false;
        while (share.excess() > 0 && evict(forOthers)) {
            // one more
        }
    }

    private boolean evict(List<BooleanSupplier> ways) {
        for (BooleanSupplier way : ways) {
            if (!way.getAsBoolean()) continue;
            counters.count(FLOWS_EVICTED);
            loop.releaseClosed();
            return true;
        }
        return false;
    }

    @Override
    public void close() {
        share.close();
    }
}
