package dev.microvm.devices.virtio.balloon;

import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;

/** The {@link HostEnd} behind a {@link Balloon}: its target stays over a restart. */
public final class BalloonEnd implements HostEnd {
    private final Balloon balloon;

    /**
     * Makes the end of a balloon that has no device yet.
     *
     * @param memoryMiB how much memory the guest has
     */
    public BalloonEnd(VirtioBalloonOptions options, int memoryMiB) {
        balloon = new Balloon(options, memoryMiB);
    }

    /** What the user holds. */
    public Balloon balloon() {
        return balloon;
    }

    @Override
    public VirtioDevice create(VirtioTransport transport) {
        return balloon.create(transport);
    }
}
