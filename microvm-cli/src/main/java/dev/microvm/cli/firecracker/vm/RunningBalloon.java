package dev.microvm.cli.firecracker.vm;

import dev.microvm.cli.firecracker.api.ApiFault;
import dev.microvm.devices.virtio.balloon.Balloon;
import dev.microvm.devices.virtio.balloon.BalloonStatistics;
import dev.microvm.devices.virtio.balloon.FreePageHints;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;

/** The calls for the balloon of a machine that was started, with Firecracker's errors. For one thread. */
final class RunningBalloon {
    /** The begin of errors of changes. */
    static final String UPDATE = "Balloon update error: ";

    /** The begin of errors of {@code GET /balloon/statistics}. */
    static final String QUERY = "Internal VMM error: ";

    private static final String INTERVAL = "stats_polling_interval_s";
    private static final int PAGES_PER_MIB = 256;

    private final Balloon balloon;
    private final Resources resources;

    RunningBalloon(Balloon balloon, Resources resources) {
        this.balloon = balloon;
        this.resources = resources;
    }

    void target(long mib) {
        if (mib > resources.memoryMib()) {
            throw new ApiFault(
                    UPDATE + "Balloon: Requested memory should be less than %dMiB".formatted(resources.memoryMib()));
        }
        balloon.targetMiB((int) mib);
        resources.balloonChanged("amount_mib", mib);
    }

    // ---- statistics

    private long interval() {
        return resources.balloon().orElseThrow().number(INTERVAL);
    }

    /** Returns the numbers of Firecracker's {@code BalloonStats}, as far as the guest reports them. */
    Map<String, Object> statistics() {
        if (interval() == 0) {
            throw new ApiFault(QUERY + "Balloon: Received stats query when stats are disabled.");
        }
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("target_pages", balloon.targetMiB() * PAGES_PER_MIB);
        all.put("actual_pages", balloon.actualMiB() * PAGES_PER_MIB);
        all.put("target_mib", balloon.targetMiB());
        all.put("actual_mib", balloon.actualMiB());
        balloon.statistics().ifPresent(reported -> put(reported, all));
        return all;
    }

    private static void put(BalloonStatistics from, Map<String, Object> to) {
        put(to, "swap_in", from.swapInBytes());
        put(to, "swap_out", from.swapOutBytes());
        put(to, "major_faults", from.majorFaults());
        put(to, "minor_faults", from.minorFaults());
        put(to, "free_memory", from.freeBytes());
        put(to, "total_memory", from.totalBytes());
        put(to, "available_memory", from.availableBytes());
        put(to, "disk_caches", from.cachesBytes());
        put(to, "hugetlb_allocations", from.hugePageAllocations());
        put(to, "hugetlb_failures", from.hugePageFailures());
        put(to, "oom_kill", from.oomKills());
        put(to, "alloc_stall", from.allocationStalls());
        put(to, "async_scan", from.asyncScannedBytes());
        put(to, "direct_scan", from.directScannedBytes());
        put(to, "async_reclaim", from.asyncReclaimedBytes());
        put(to, "direct_reclaim", from.directReclaimedBytes());
    }

    private static void put(Map<String, Object> to, String key, OptionalLong value) {
        value.ifPresent(number -> to.put(key, number));
    }

    void statisticsInterval(long seconds) {
        if ((interval() == 0) != (seconds == 0)) {
            throw new ApiFault(UPDATE + "Balloon: Statistics cannot be enabled/disabled after activation.");
        }
        if (seconds == interval()) return;
        balloon.statisticsInterval(Duration.ofSeconds(seconds));
        resources.balloonChanged(INTERVAL, seconds);
    }

    // ---- free page hinting

    private void requireHinting() {
        if (!resources.balloon().orElseThrow().flag("free_page_hinting")) {
            throw new ApiFault(UPDATE + "Balloon: Attempting to use hinting when not enabled");
        }
    }

    void startHinting(boolean release) {
        requireHinting();
        whereThereIsADriver(() -> balloon.startHinting(release));
    }

    void stopHinting() {
        requireHinting();
        whereThereIsADriver(balloon::releaseHinted);
    }

    private static void whereThereIsADriver(Runnable action) {
        try {
            action.run();
        } catch (IllegalStateException e) {
            throw new ApiFault(UPDATE + "Balloon: Device not activated yet.");
        }
    }

    /** Returns Firecracker's {@code HintingStatus}: the numbers are those of VIRTIO. */
    Map<String, Object> hints() {
        requireHinting();
        FreePageHints hints = balloon.hints();
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("host_cmd", hints.asked());
        hints.answered().ifPresent(number -> all.put("guest_cmd", number));
        return all;
    }
}
