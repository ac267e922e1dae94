package dev.microvm.cli.firecracker.vm;

import dev.microvm.MicroVm;
import dev.microvm.VmState;
import dev.microvm.backend.disk.BlockException;
import dev.microvm.cli.firecracker.api.ApiFault;
import dev.microvm.cli.firecracker.json.Fields;
import dev.microvm.devices.virtio.blk.Disk;
import dev.microvm.devices.virtio.net.NetEnd;
import dev.microvm.error.MicroVmException;
import java.util.Map;

/** The calls for a machine that was started. For one thread. */
final class Running {
    private static final String NOT_FOUND = "Failed perform action on device: Device not found";

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

    /**
     * Asks the guest to end, which is what Ctrl-Alt-Del is sent for: by the power button, because
     * the machine has no keyboard.
     */
    void askForEnd() {
        if (resources.bootSource().map(Assembly::needsNoAcpi).orElse(false)) {
            throw ApiFault.notSupported("SendCtrlAltDel without ACPI: it presses the power button");
        }
        vm.pressPowerButton();
    }

    // ---- balloon

    /** Returns the balloon. @throws ApiFault if there is none, with an error that begins with a prefix */
    private RunningBalloon balloon(String prefix) {
        if (resources.balloon().isEmpty()) throw new ApiFault(prefix + NOT_FOUND);
        return new RunningBalloon(vm.balloon(), resources);
    }

    void balloon(long mib) {
        balloon(RunningBalloon.UPDATE).target(mib);
    }

    Map<String, Object> balloonStatistics() {
        return balloon(RunningBalloon.QUERY).statistics();
    }

    void balloonInterval(long seconds) {
        balloon(RunningBalloon.UPDATE).statisticsInterval(seconds);
    }

    void startHinting(boolean release) {
        balloon(RunningBalloon.UPDATE).startHinting(release);
    }

    void stopHinting() {
        balloon(RunningBalloon.UPDATE).stopHinting();
    }

    Map<String, Object> hints() {
        return balloon(RunningBalloon.UPDATE).hints();
    }

    // ---- devices

    void drive(Fields update) {
        int index = resources.drive(update.text("drive_id"));
        if (index < 0) throw unchangedDrive(NOT_FOUND);
        Disk disk = vm.disk(index);
        update.maybeText("path_on_host").ifPresent(path -> medium(index, path));
        disk.rateLimit(Limits.changed(disk.rateLimit(), update.fields("rate_limiter")));
        resources.driveChanged(index, merged(resources.drives().get(index), update, "rate_limiter"));
    }

    private void medium(int index, String path) {
        Fields drive = resources.drives().get(index);
        Resources.checkImage(path, drive.flag("is_read_only")).ifPresent(problem -> {
            throw unchangedDrive("Block: " + problem);
        });
        Fields changed = drive.with("path_on_host", path);
        try {
            vm.disk(index).image(Assembly.image(changed));
        } catch (BlockException e) {
            throw unchangedDrive("Block: Virtio backend error: Error manipulating the backing file: " + e.getMessage());
        }
        resources.driveChanged(index, changed);
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
