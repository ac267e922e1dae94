package dev.microvm.devices.virtio.balloon;

import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import java.time.InstantSource;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The host's end of a machine's memory balloon, through all its runs: {@code MicroVm.balloon}. The larger the balloon, the less
 * memory the guest has, and the more the host.
 *
 * <p>Any thread may call any method, before the machine is started too.
 */
public final class Balloon {
    private final VirtioBalloonOptions options;
    private final int memoryMiB;

    // Guarded by this.
    private int targetMiB;
    private @Nullable VirtioBalloon device; // of the latest run

    Balloon(VirtioBalloonOptions options, int memoryMiB) {
        this.options = options;
        this.memoryMiB = memoryMiB;
        this.targetMiB = options.targetMiB();
    }

    /** Makes the device for a run. */
    synchronized VirtioDevice create(VirtioTransport transport) {
        VirtioBalloon made = new VirtioBalloon(
                transport, options.targetMiB(targetMiB), MemoryDiscard.ofHost(), InstantSource.system());
        device = made;
        return made;
    }

    /** How large the balloon is to be, in MiB. */
    public synchronized int targetMiB() {
        return targetMiB;
    }

    /**
     * Sets how large the balloon is to be: how much memory the guest is to give up. The guest does so as it can, and goes on
     * trying; {@link #actualMiB} says how far it is. A target stays over a restart.
     *
     * @param mib 0 to what the guest has
     */
    public synchronized void targetMiB(int mib) {
        if (mib < 0 || mib > memoryMiB) {
            throw new IllegalArgumentException(
                    "targetMiB: 0 to %d (the guest's memory), was %d".formatted(memoryMiB, mib));
        }
        targetMiB = mib;
        if (device != null) device.targetMiB(mib);
    }

    /** How large the guest says the balloon is, in MiB; 0 while it has no driver for it. */
    public synchronized int actualMiB() {
        return device == null ? 0 : device.actualMiB();
    }

    /** What the guest last told of its memory; empty if it has not yet. */
    public synchronized Optional<BalloonStatistics> statistics() {
        return device == null ? Optional.empty() : device.statistics();
    }
}
