package dev.microvm.devices.virtio.net;

import dev.microvm.backend.net.MacAddress;
import dev.microvm.limits.RateLimit;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Options of a virtio network device. Immutable: each method returns a changed copy.
 *
 * @param address its Ethernet address; null for one derived from the name of the machine
 * @param fromGuest how much the guest may send
 * @param toGuest how much the guest receives
 */
public record VirtioNetOptions(@Nullable MacAddress address, RateLimit fromGuest, RateLimit toGuest) {
    /** An address derived from the name of the machine, and no limits. */
    public static final VirtioNetOptions DEFAULT = new VirtioNetOptions(null, RateLimit.NONE, RateLimit.NONE);

    /** Checks that neither limit is null. */
    public VirtioNetOptions {
        Objects.requireNonNull(fromGuest, "fromGuest");
        Objects.requireNonNull(toGuest, "toGuest");
    }

    /** Returns the same with an Ethernet address. */
    public VirtioNetOptions address(MacAddress value) {
        Objects.requireNonNull(value, "address");
        return new VirtioNetOptions(value, fromGuest, toGuest);
    }

    /**
     * Returns the same with a limit on what the guest sends, in bytes of frames and in frames. What
     * exceeds it waits in the queue of the guest, as with a slow link.
     */
    public VirtioNetOptions fromGuest(RateLimit value) {
        return new VirtioNetOptions(address, value, toGuest);
    }

    /**
     * Returns the same with a limit on what the guest receives, in bytes of frames and in frames.
     * What exceeds it waits in the network, as far as that has room, and is then lost, as on a slow
     * link.
     */
    public VirtioNetOptions toGuest(RateLimit value) {
        return new VirtioNetOptions(address, fromGuest, value);
    }
}
