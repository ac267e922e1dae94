package dev.microvm.backend.disk;

import java.util.function.BooleanSupplier;

/** Whether the requests of an image are to end unfinished. Any thread may call. */
final class Cancellation {
    private volatile BooleanSupplier cancelled = () -> false;

    /** Sets what {@link #check} asks. */
    void by(BooleanSupplier supplier) {
        cancelled = supplier;
    }

    /** Ends the request if it is cancelled. Called between two steps, when the image is consistent. */
    void check() {
        if (cancelled.getAsBoolean()) throw new RequestCancelledException();
    }
}
