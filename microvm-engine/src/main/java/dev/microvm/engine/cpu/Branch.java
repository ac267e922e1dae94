package dev.microvm.engine.cpu;

import org.jspecify.annotations.Nullable;

/** A branch that leads to places that are known. Those in its own page are blocks. */
public interface Branch {
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

    /** Takes it, and does nothing else that it may have to do. */
    Block take(Cpu cpu);

    /** Does not take it. */
    Block pass(Cpu cpu);
}
