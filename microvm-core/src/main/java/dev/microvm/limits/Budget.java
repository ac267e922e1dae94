package dev.microvm.limits;

import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;

/**
 * A limited amount that all machines of the JVM share: bytes of heap, file descriptors, threads.
 *
 * <p>A machine opens a {@link Share} and takes from it. While the budget has room, a share may take
 * as much as it likes. When the budget is used up, only an owner below its fair part (the limit
 * divided by the number of owners) may still take; and owners above their fair part are pressed:
 * they are asked to give back. So a greedy machine can never starve another, and all shares
 * together hold at most twice the limit, for as long as the greedy ones need to give back.
 *
 * <p>A machine whose CPUs take for themselves is one {@link Owner} with several shares. Then those
 * of its shares that hold more than an equal slice of its part are pressed, also by their siblings.
 *
 * <p>Thread-safe. {@link Share#tryTake} and {@link Share#give} take no lock unless the budget is
 * used up.
 */
public final class Budget {
    private final String name;
    private final long limit;
    private final AtomicLong used = new AtomicLong();
    private final List<Share> shares = new CopyOnWriteArrayList<>();
    private volatile int owners; // that have a share; changed under the lock of this

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

    /** Returns the part of each owner when all want as much as they can get; at least 1. */
    public long fairPart() {
        return Math.max(1, limit / Math.max(1, owners));
    }

    /** Returns an owner without a share yet: a machine, or a part of one. */
    public Owner owner(String ownerName) {
        return new Owner(ownerName);
    }

    /**
     * Opens the only share of an owner.
     *
     * @param owner the name of the machine or the part that takes
     * @param pressed called when this share holds more than its fair part and another share needs
     *     it. It runs on the thread of the other share, so it must be quick and must not block: it
     *     sets a flag or wakes the owner, who then gives back. Called again until it has.
     */
    public Share open(String owner, Runnable pressed) {
        return owner(owner).open(pressed);
    }

    private void press(Predicate<Share> whom) {
        for (Share share : shares) {
            if (whom.test(share) && share.excess() > 0) {
                share.pressed.run();
            }
        }
    }

    @Override
    public String toString() {
        return used() + " of " + limit + " " + name;
    }

    /** Who takes. Its shares, one for each of its CPUs for example, have one fair part together. */
    public final class Owner {
        private final String ownerName;
        private final AtomicLong held = new AtomicLong(); // by all its shares
        private volatile int open; // shares; changed under the lock of the budget
        private volatile boolean refused; // one of its shares, and none has given back since

        private Owner(String ownerName) {
            this.ownerName = Objects.requireNonNull(ownerName, "owner");
        }

        /** Opens a share; {@code pressed} as in {@link Budget#open}. */
        public Share open(Runnable pressed) {
            Share share = new Share(this, pressed);
            synchronized (Budget.this) {
                if (open++ == 0) owners++;
                shares.add(share);
            }
            return share;
        }
    }

    /** What one owner, or a part of it, takes. Close it at the end: what it holds goes back. */
    public final class Share implements AutoCloseable {
        private final Owner owner;
        private final Runnable pressed;
        private final AtomicLong mine = new AtomicLong();

        private Share(Owner owner, Runnable pressed) {
            this.owner = owner;
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
                hold(amount);
                return true;
            }
            boolean fair = owner.held.get() + amount <= fairPart();
            if (fair) {
                hold(amount);
                press(share -> true);
            } else {
                used.addAndGet(-amount); // nobody but siblings gives back for an owner that has its part
                owner.refused = true;
                press(share -> share.owner == owner && share != this);
            }
            return fair;
        }

        private void hold(long amount) {
            mine.addAndGet(amount);
            owner.held.addAndGet(amount);
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
            hold(amount);
            return true;
        }

        /** Gives back {@code amount} of what was taken. */
        public void give(long amount) {
            hold(-amount);
            used.addAndGet(-amount);
            owner.refused = false;
        }

        /** Returns how much this share holds. */
        public long used() {
            return mine.get();
        }

        /**
         * Returns how much this share should give back, 0 if nothing: what it holds beyond its slice
         * of the owner's fair part, if the budget is used up and the owner holds more than that part,
         * or if a sibling was refused.
         */
        public long excess() {
            boolean asked = owner.refused || (used.get() >= limit && owner.held.get() > fairPart());
            return asked ? Math.max(0, mine.get() - fairPart() / Math.max(1, owner.open)) : 0;
        }

        /** Gives back everything. The share must not be used any more; closing again does nothing. */
        @Override
        public void close() {
            synchronized (Budget.this) {
                if (shares.remove(this) && --owner.open == 0) owners--;
            }
            give(mine.get());
        }

        @Override
        public String toString() {
            return owner.ownerName + ": " + used() + " of " + limit + " " + name;
        }
    }
}
