package dev.microvm.devices.virtio.balloon;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * The options of a balloon, with its initial target. Immutable: each method returns a changed copy.
 *
 * <pre>{@code
 * VirtioBalloonOptions.DEFAULT.targetMiB(256).statisticsInterval(Duration.ofSeconds(1))
 * }</pre>
 *
 * @param targetMiB memory that the guest should give up, in MiB
 * @param deflateOnOom whether a guest without free memory may take memory back from the balloon
 * @param freePageReporting whether the guest reports free memory
 * @param freePageHinting whether the host may ask the guest for its free memory
 * @param statisticsInterval time between requests for statistics; 0 for a single request
 */
public record VirtioBalloonOptions(
        int targetMiB,
        boolean deflateOnOom,
        boolean freePageReporting,
        boolean freePageHinting,
        Duration statisticsInterval) {
    /** Defaults: target 0, deflates on OOM, free page reporting but no hinting, statistics every 5 seconds. */
    public static final VirtioBalloonOptions DEFAULT =
            new VirtioBalloonOptions(0, true, true, false, Duration.ofSeconds(5));

    private static final Duration SHORTEST_INTERVAL = Duration.ofMillis(100);
    private static final Duration LONGEST_INTERVAL = Duration.ofDays(1);

    /** Refuses null. */
    public VirtioBalloonOptions {
        Objects.requireNonNull(statisticsInterval, "statisticsInterval");
    }

    /**
     * Sets the memory that the guest should give up from its start, in MiB: 0 to all its memory.
     * Default 0.
     */
    public VirtioBalloonOptions targetMiB(int mib) {
        return new VirtioBalloonOptions(mib, deflateOnOom, freePageReporting, freePageHinting, statisticsInterval);
    }

    /**
     * Sets whether a guest that runs out of memory may take some from the balloon instead of
     * killing a program. Default true. If true, Linux counts the memory in the balloon as used;
     * otherwise Linux subtracts it from its total memory.
     */
    public VirtioBalloonOptions deflateOnOom(boolean value) {
        return new VirtioBalloonOptions(targetMiB, value, freePageReporting, freePageHinting, statisticsInterval);
    }

    /**
     * Sets whether the guest reports free memory, independently of the target, for the host to take
     * back. Default true.
     */
    public VirtioBalloonOptions freePageReporting(boolean value) {
        return new VirtioBalloonOptions(targetMiB, deflateOnOom, value, freePageHinting, statisticsInterval);
    }

    /**
     * Sets whether the host may ask the guest for its free memory, to take it back:
     * {@link Balloon#startHinting}. Default false.
     */
    public VirtioBalloonOptions freePageHinting(boolean value) {
        return new VirtioBalloonOptions(targetMiB, deflateOnOom, freePageReporting, value, statisticsInterval);
    }

    /**
     * Sets the time between requests for statistics: 100 ms to a day, or 0 for a single request at
     * the start. Default 5 s.
     */
    public VirtioBalloonOptions statisticsInterval(Duration value) {
        return new VirtioBalloonOptions(targetMiB, deflateOnOom, freePageReporting, freePageHinting, value);
    }

    /**
     * Returns the problems of these options for a guest; empty if there is none.
     *
     * @param memoryMiB memory of the guest in MiB
     */
    public List<String> problems(int memoryMiB) {
        List<String> problems = new ArrayList<>();
        if (targetMiB < 0 || targetMiB > memoryMiB) {
            problems.add("targetMiB: 0 to %d (memoryMiB), was %d".formatted(memoryMiB, targetMiB));
        }
        boolean asks = !statisticsInterval.isZero();
        if (asks
                && (statisticsInterval.compareTo(SHORTEST_INTERVAL) < 0
                        || statisticsInterval.compareTo(LONGEST_INTERVAL) > 0)) {
            problems.add("statisticsInterval: 0, or %d ms to %d h, was %s"
                    .formatted(SHORTEST_INTERVAL.toMillis(), LONGEST_INTERVAL.toHours(), statisticsInterval));
        }
        return problems;
    }

    @Override
    public String toString() {
        return "%d MiB, %s, %s, %s, %s"
                .formatted(
                        targetMiB,
                        deflateOnOom ? "deflates on OOM" : "keeps its size on OOM",
                        freePageReporting ? "free pages reported" : "free pages not reported",
                        freePageHinting ? "free pages hinted" : "free pages not hinted",
                        statisticsInterval.isZero()
                                ? "statistics once"
                                : "statistics every " + text(statisticsInterval));
    }

    /** Returns "5s" or "1h30m", of any duration, also one that has no number of milliseconds. */
    private static String text(Duration of) {
        return of.toString().substring("PT".length()).toLowerCase(Locale.ROOT);
    }
}
