package dev.microvm.limits;

import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A limited amount that all machines of the JVM share: bytes of heap, file descriptors, threads.
 *
 * <p>A machine opens a {@link Share} and takes from it. While the budget has room, a share may take
 * as much as it likes. When the budget is used up, only a share below its fair part (the limit
 * divided by the number of shares) may still take; and shares above their fair part are pressed:
 * they are asked to give back. So a greedy machine can never starve another, and all shares
 * together hold at most twice the limit, for as long as the greedy ones need to give back.
 *
 * <p>Thread-safe. {@link Share#tryTake} and {@link Share#give} take no lock unless the budget is
 * used up.
 */
public final class Budget {
    private final String name;
    private final long limit;
    private final AtomicLong used = new AtomicLong();
    private final List<Share> shares = new CopyOnWriteArrayList<>();

    /**
     * Makes a budget.
     *
     * @param name what is limited, with its unit: "bytes of translated code"
     * @param limit the most that may be in use, above 0
     * @throws IllegalArgumentException if {@code limit} is not above 0
     */
    public Budget(String name, long limit) {
        if (limit <= 0) {
            throw new IllegalArgumentException("The budget of " + name + " is " + limit + ": must be above 0");
        }
        this.name = Objects.requireNonNull(name, "name");
        this.limit = limit;
    }

    /** Returns what is limited, with its unit. */
    public String name() {
        return name;
    }

    /** Returns the most that may be in use before shares are pressed. */
    public long limit() {
        return limit;
    }

    /** Returns how much is in use by all shares. */
    public long used() {
        return used.get();
    }

    /** Returns the part of each share when all want as much as they can get; at least 1. */
    public long fairPart() {
        return Math.max(1, limit / Math.max(1, shares.size()));
    }

    /**
     * Opens a share.
     *
     * @param owner the name of the machine or the part that takes
     * @param pressed called when this share holds more than its fair part and another share needs
     *     it. It runs on the thread of the other share, so it must be quick and must not block: it
     *     sets a flag or wakes the owner, who then gives back. Called again until it has.
     */
    public Share open(String owner, Runnable pressed) {
        Share share = new Share(owner, pressed);
        shares.add(share);
        return share;
    }

    private void pressGreedyShares() {
        long fair = fairPart();
        for (Share share : shares) {
            if (share.used() > fair) {
                share.pressed.run();
            }
        }
    }

    @Override
    public String toString() {
        return used() + " of " + limit + " " + name;
    }

    /** The part of one owner. Close it when the owner ends: what it holds goes back. */
    public final class Share implements AutoCloseable {
        private final String owner;
        private final Runnable pressed;
        private final AtomicLong mine = new AtomicLong();

        private Share(String owner, Runnable pressed) {
            this.owner = Objects.requireNonNull(owner, "owner");
            this.pressed = Objects.requireNonNull(pressed, "pressed");
        }

        /**
         * Takes {@code amount} if this share may have it.
         *
         * @return false if not: the owner must then give back some of its own first, or refuse the
         *     work that needs it
         */
        public boolean tryTake(long amount) {
            if (used.addAndGet(amount) <= limit) {
                mine.addAndGet(amount);
                return true;
            }
            boolean fair = mine.get() + amount <= fairPart();
            if (fair) {
                mine.addAndGet(amount);
                pressGreedyShares();
            } else {
                used.addAndGet(-amount); // nobody gives back for a share that has its part
            }
            return fair;
        }

        /**
         * Takes {@code amount} only if so much is free, even if this share is below its fair part:
         * for what nobody can give back before its end, such as guest memory.
         *
         * @return false if it is not free
         */
        public boolean tryTakeFree(long amount) {
            long all = used.addAndGet(amount);
            if (all < 0 || all > limit) { // less than 0: an overflow
                used.addAndGet(-amount);
                return false;
            }
            mine.addAndGet(amount);
            return true;
        }

        /** Gives back {@code amount} of what was taken. */
        public void give(long amount) {
            mine.addAndGet(-amount);
            used.addAndGet(-amount);
        }

        /** Returns how much this share holds. */
        public long used() {
            return mine.get();
        }

        /**
         * Returns how much this share should give back, because the budget is used up and the share
         * holds more than its fair part; 0 if nothing.
         */
        public long excess() {
            return used.get() < limit ? 0 : Math.max(0, mine.get() - fairPart());
        }

        /** Gives back everything. The share must not be used any more; closing again does nothing. */
        @Override
        public void close() {
            shares.remove(this);
            used.addAndGet(-mine.getAndSet(0));
        }

        @Override
        public String toString() {
            return owner + ": " + used() + " of " + limit + " " + name;
        }
    }
}
