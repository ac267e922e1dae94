package dev.microvm.engine.cpu;

import org.jspecify.annotations.Nullable;

/**
 * A branch that leads to places that are known. Those in its own page are blocks; those in others
 * are offsets from the beginning of its page.
 */
public interface Branch {
    /** No offset: it leads nowhere that way, or not to an address of 64 bits. */
    int NOWHERE = Integer.MIN_VALUE;

    /** Where it leads if it is taken; null for another page. */
    @Nullable
    Block taken();

    /** Where it leads if it is not taken; null for another page, and if it is always taken. */
    @Nullable
    Block passed();

    /** Where what it calls returns to; null for another page, and if it is no call. */
    default @Nullable Block returnPoint() {
        return null;
    }

    /** Offset of where it leads if it is taken. */
    default int takenOffset() {
        return NOWHERE;
    }

    /** Offset of where it leads if it is not taken. */
    default int passedOffset() {
        return NOWHERE;
    }

    /** Offset of where what it calls returns to. */
    default int returnOffset() {
        return NOWHERE;
    }

    /** Takes it, and does nothing else that it may have to do. */
    Block take(Cpu cpu);

    /** Does not take it. */
    Block pass(Cpu cpu);
}
