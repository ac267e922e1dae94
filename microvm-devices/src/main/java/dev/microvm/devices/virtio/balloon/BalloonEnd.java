package dev.microvm.devices.virtio.balloon;

import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import java.util.Objects;

/** The {@link HostEnd} of a {@link Balloon}. The target of the balloon survives a restart. */
public final class BalloonEnd implements HostEnd {
    private final Balloon balloon;

    /**
     * Makes a host end without a device yet.
     *
     * @param memoryMiB memory of the guest in MiB
     */
    public BalloonEnd(VirtioBalloonOptions options, int memoryMiB) {
        Objects.requireNonNull(options, "options");
        balloon = new Balloon(options, memoryMiB);
    }

    /** Returns the balloon, for the user of the machine. */
    public Balloon balloon() {
        return balloon;
    }

    @Override
    public VirtioDevice create(VirtioTransport transport) {
        Objects.requireNonNull(transport, "transport");
        return balloon.create(transport);
    }
}
