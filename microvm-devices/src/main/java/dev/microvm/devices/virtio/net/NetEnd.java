package dev.microvm.devices.virtio.net;

import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.NetBackend;
import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.limits.RateLimit;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The {@link HostEnd} of a {@link VirtioNet}: its cable and its limits, which survive a restart of
 * the machine. Any thread may call.
 */
public final class NetEnd implements HostEnd {
    private final NetBackend backend;
    private final String machine;
    private final MacAddress address;

    // Guarded by this.
    private RateLimit fromGuest;
    private RateLimit toGuest;
    private boolean linkUp = true;
    private @Nullable VirtioNet device;

    /**
     * Makes a host end without a device yet.
     *
     * @param machine name of the machine, for the threads of the network
     * @param address Ethernet address of the guest; overrides that of the options
     */
    public NetEnd(NetBackend backend, String machine, MacAddress address, VirtioNetOptions options) {
        Objects.requireNonNull(options, "options");
        this.backend = Objects.requireNonNull(backend, "backend");
        this.machine = Objects.requireNonNull(machine, "machine");
        this.address = Objects.requireNonNull(address, "address");
        fromGuest = options.fromGuest();
        toGuest = options.toGuest();
    }

    /** Returns how much the guest may send. */
    public synchronized RateLimit fromGuest() {
        return fromGuest;
    }

    /** Returns how much the guest receives. */
    public synchronized RateLimit toGuest() {
        return toGuest;
    }

    /**
     * Changes the limits, also while the guest runs: see {@link VirtioNetOptions}. They apply from
     * now on; what was sent before is forgotten.
     */
    public synchronized void rateLimits(RateLimit newFromGuest, RateLimit newToGuest) {
        fromGuest = Objects.requireNonNull(newFromGuest, "fromGuest");
        toGuest = Objects.requireNonNull(newToGuest, "toGuest");
        if (device != null) device.rateLimits(newFromGuest, newToGuest);
    }

    /**
     * Plugs the cable in or out, which the driver is told. While it is out, nothing comes, and what
     * the guest sends is lost.
     */
    public synchronized void linkUp(boolean up) {
        linkUp = up;
        if (device != null) device.linkUp(up);
    }

    @Override
    public synchronized VirtioDevice create(VirtioTransport transport) {
        Objects.requireNonNull(transport, "transport");
        VirtioNet made = new VirtioNet(transport, backend, machine, address);
        made.rateLimits(fromGuest, toGuest);
        if (!linkUp) made.linkUp(false);
        device = made;
        return made;
    }

    @Override
    public synchronized void end() {
        device = null;
    }

    @Override
    public void close() {
        end();
    }
}
