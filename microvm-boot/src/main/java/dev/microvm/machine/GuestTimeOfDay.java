package dev.microvm.machine;

import dev.microvm.clock.ClockOnResume;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import org.jspecify.annotations.Nullable;

/** A time of day that stands while its machine is paused. Any thread may call. */
final class GuestTimeOfDay implements InstantSource {
    private final InstantSource source;

    // Guarded by this.
    private Duration behind = Duration.ZERO; // of the source, by past pauses
    private @Nullable Instant pausedAt; // null if it moves

    GuestTimeOfDay(InstantSource source) {
        this.source = source;
    }

    @Override
    public synchronized Instant instant() {
        return pausedAt == null ? source.instant().minus(behind) : pausedAt;
    }

    /** Stops it; does nothing if it stands. */
    synchronized void pause() {
        pausedAt = instant();
    }

    /** Lets it move again; does nothing if it moves. */
    synchronized void resume(ClockOnResume how) {
        if (pausedAt == null) return;
        if (how == ClockOnResume.CONTINUE) behind = Duration.between(pausedAt, source.instant());
        pausedAt = null;
    }
}
