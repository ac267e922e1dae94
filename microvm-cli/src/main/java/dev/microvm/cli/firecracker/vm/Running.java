package dev.microvm.cli.firecracker.vm;

import dev.microvm.MicroVm;
import dev.microvm.VmState;
import dev.microvm.cli.firecracker.api.ApiFault;
import dev.microvm.cli.firecracker.json.Fields;
import dev.microvm.devices.virtio.balloon.Balloon;
import dev.microvm.devices.virtio.balloon.BalloonStatistics;
import dev.microvm.devices.virtio.blk.Disk;
import dev.microvm.devices.virtio.net.NetEnd;
import dev.microvm.error.MicroVmException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;

/** The calls for a machine that was started. For one thread. */
final class Running {
    private static final String NOT_FOUND = "Failed perform action on device: Device not found";
    private static final int PAGES_PER_MIB = 256;

    private final MicroVm vm;
    private final Resources resources;

    Running(MicroVm vm, Resources resources) {
        this.vm = vm;
        this.resources = resources;
    }

    MicroVm vm() {
        return vm;
    }

    /** Returns the state as {@code GET /} shows it. */
    String state() {
        return vm.state() == VmState.PAUSED ? "Paused" : "Running";
    }

    void change(String state) {
        try {
            if (state.equals("Paused")) vm.pause();
            else vm.resume();
        } catch (MicroVmException e) {
            throw new ApiFault("Internal VMM error: Failed to pause the vCPUs. " + e.getMessage());
        }
    }

    // ---- balloon

    void balloon(long mib) {
        Balloon balloon = balloon("Balloon update error: ");
        if (mib > resources.memoryMib()) {
            throw new ApiFault("Balloon update error: Balloon: Requested memory should be less than %dMiB"
                    .formatted(resources.memoryMib()));
        }
        balloon.targetMiB((int) mib);
        resources.balloonChanged("amount_mib", mib);
    }

    private Balloon balloon(String prefix) {
        if (resources.balloon().isEmpty()) throw new ApiFault(prefix + NOT_FOUND);
        return vm.balloon();
    }

    private boolean hasStatistics() {
        return resources.balloon().orElseThrow().number("stats_polling_interval_s") != 0;
    }

    /** Returns the numbers of Firecracker's {@code BalloonStats}, as far as the guest reports them. */
    Map<String, Object> balloonStatistics() {
        Balloon balloon = balloon("Internal VMM error: ");
        if (!hasStatistics()) {
            throw new ApiFault("Internal VMM error: Balloon: Received stats query when stats are disabled.");
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
    }

    private static void put(Map<String, Object> to, String key, OptionalLong value) {
        value.ifPresent(number -> to.put(key, number));
    }

    void balloonInterval(long seconds) {
        balloon("Balloon update error: ");
        if (hasStatistics() != (seconds != 0)) {
            throw new ApiFault(
                    "Balloon update error: Balloon: Statistics cannot be enabled/disabled after activation.");
        }
        if (seconds != resources.balloon().orElseThrow().number("stats_polling_interval_s")) {
            throw ApiFault.notSupported("stats_polling_interval_s: it is fixed at the start");
        }
    }

    // ---- devices

    void drive(Fields update) {
        int index = resources.drive(update.text("drive_id"));
        if (index < 0) throw unchangedDrive(NOT_FOUND);
        if (update.has("path_on_host")) throw ApiFault.notSupported("path_on_host of a running machine");
        Disk disk = vm.disk(index);
        disk.rateLimit(Limits.changed(disk.rateLimit(), update.fields("rate_limiter")));
        resources.driveChanged(index, merged(resources.drives().get(index), update, "rate_limiter"));
    }

    private static ApiFault unchangedDrive(String why) {
        return new ApiFault(
                "Drive config error: Unable to patch the block device: %s Please verify the request arguments."
                        .formatted(why));
    }

    void network(Fields update) {
        int index = resources.network(update.text("iface_id"));
        if (index < 0) throw new ApiFault("Network config error: Unable to update the net device: " + NOT_FOUND);
        NetEnd end = vm.network(index);
        end.rateLimits(
                Limits.changed(end.fromGuest(), update.fields("tx_rate_limiter")),
                Limits.changed(end.toGuest(), update.fields("rx_rate_limiter")));
        Fields changed = merged(resources.networks().get(index), update, "rx_rate_limiter");
        resources.networkChanged(index, merged(changed, update, "tx_rate_limiter"));
    }

    /** Returns a device with the buckets of a rate limiter that an update has. */
    private static Fields merged(Fields device, Fields update, String key) {
        Fields change = update.fields(key).orElse(null);
        if (change == null) return device;
        return device.with(key, device.fields(key).map(now -> now.with(change)).orElse(change));
    }
}
