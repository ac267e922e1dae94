package dev.microvm.boot.image;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/**
 * Lets another thread end a load: the loader asks before each piece of work, which is so small that
 * it ends soon even with a slow decompressor.
 */
public final class Cancellation {
    /** For loads that nobody can end. */
    public static final Cancellation NEVER = new Cancellation(() -> false);

    /** The most that is done at once, in bytes: 50 ms for a decompressor of 20 MB/s. */
    private static final long PIECE = 1 << 20;

    private final BooleanSupplier cancelled;

    private Cancellation(BooleanSupplier cancelled) {
        this.cancelled = cancelled;
    }

    /** What is done with each piece of a range. */
    @FunctionalInterface
    public interface PieceAction {
        /** Does it. */
        void accept(MemorySegment piece) throws IOException;
    }

    /** Asks {@code cancelled}, from the thread that loads. */
    public static Cancellation when(BooleanSupplier cancelled) {
        return new Cancellation(cancelled);
    }

    /**
     * Asks.
     *
     * @throws CancellationException if the load is not wanted any more
     */
    public void check() {
        if (cancelled.getAsBoolean()) throw new CancellationException("the load was cancelled");
    }

    /**
     * Gives a range to {@code action}, piece by piece in their order, and asks before each.
     *
     * @throws CancellationException as {@link #check}
     */
    public void forEachPiece(MemorySegment range, PieceAction action) throws IOException {
        for (long at = 0; at < range.byteSize(); at += PIECE) {
            check();
            action.accept(range.asSlice(at, Math.min(PIECE, range.byteSize() - at)));
        }
    }

    /**
     * Skips bytes of a reader, and asks in between.
     *
     * @throws CancellationException as {@link #check}
     */
    void skip(ImageReader reader, long count) throws IOException {
        for (long left = count; left > 0; left -= PIECE) {
            check();
            reader.skip(Math.min(PIECE, left));
        }
    }
}
