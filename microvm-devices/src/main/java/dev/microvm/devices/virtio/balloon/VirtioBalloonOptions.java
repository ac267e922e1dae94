package dev.microvm.devices.virtio.balloon;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What a balloon does, and how large it is to be at first. Immutable: each method returns a changed copy.
 *
 * <pre>{@code
 * VirtioBalloonOptions.DEFAULT.targetMiB(256).statisticsInterval(Duration.ofSeconds(1))
 * }</pre>
 *
 * @param targetMiB how much memory the guest is to give up, in MiB
 * @param deflateOnOom whether it may take memory back when it runs out of it
 * @param freePageReporting whether it tells which memory is free
 * @param statisticsInterval how often it is asked for statistics; 0 for not again
 */
public record VirtioBalloonOptions(
        int targetMiB, boolean deflateOnOom, boolean freePageReporting, Duration statisticsInterval) {
    /** Empty, deflates on OOM, takes reports of free pages, asks for statistics every 5 seconds. */
    public static final VirtioBalloonOptions DEFAULT = new VirtioBalloonOptions(0, true, true, Duration.ofSeconds(5));

    private static final Duration SHORTEST_INTERVAL = Duration.ofMillis(100);
    private static final Duration LONGEST_INTERVAL = Duration.ofDays(1);

    /** How much memory the guest is to give up, from its start on: 0 to all it has. Default 0. */
    public VirtioBalloonOptions targetMiB(int mib) {
        return new VirtioBalloonOptions(mib, deflateOnOom, freePageReporting, statisticsInterval);
    }

    /**
     * Whether a guest that runs out of memory may take some from the balloon rather than kill a program. Default true. Linux
     * then counts what is in the balloon as memory that is in use, else as memory that it does not have.
     */
    public VirtioBalloonOptions deflateOnOom(boolean value) {
        return new VirtioBalloonOptions(targetMiB, value, freePageReporting, statisticsInterval);
    }

    /** Whether the guest tells by itself, without a target, which memory it has no use for. Default true. */
    public VirtioBalloonOptions freePageReporting(boolean value) {
        return new VirtioBalloonOptions(targetMiB, deflateOnOom, value, statisticsInterval);
    }

    /** How often the guest is asked for statistics: 100 ms to a day, or 0 for not again after its start. Default 5 s. */
    public VirtioBalloonOptions statisticsInterval(Duration value) {
        return new VirtioBalloonOptions(targetMiB, deflateOnOom, freePageReporting, value);
    }

    /**
     * What is wrong with this description for a guest; empty if nothing is.
     *
     * @param memoryMiB how much memory the guest has
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
        return "%d MiB, %s, %s, %s"
                .formatted(
                        targetMiB,
                        deflateOnOom ? "deflates on OOM" : "keeps its size on OOM",
                        freePageReporting ? "free pages reported" : "free pages not reported",
                        statisticsInterval.isZero()
                                ? "statistics once"
                                : "statistics every %d ms".formatted(statisticsInterval.toMillis()));
    }
}
