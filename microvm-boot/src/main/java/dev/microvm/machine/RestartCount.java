package dev.microvm.machine;

import dev.microvm.model.RestartLimit;
import java.util.ArrayDeque;
import java.util.Queue;

/** Counts the restarts of a machine and says when there were too many. For one thread at a time. */
final class RestartCount {
    private final RestartLimit limit;
    private final Queue<Long> recent = new ArrayDeque<>(); // when, on the clock of System.nanoTime

    RestartCount(RestartLimit limit) {
        this.limit = limit;
    }

    /**
     * Counts one more, if the limit allows it.
     *
     * @param now on the clock of {@link System#nanoTime}
     * @return whether it does
     */
    boolean admits(long now) {
        long window = limit.within().toNanos();
        for (Long first = recent.peek(); first != null && now - first >= window; first = recent.peek()) recent.remove();
        if (recent.size() >= limit.most()) return false;
        recent.add(now);
        return true;
    }
}
