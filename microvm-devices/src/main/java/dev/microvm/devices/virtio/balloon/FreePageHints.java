package dev.microvm.devices.virtio.balloon;

import java.util.Objects;
import java.util.OptionalInt;

/**
 * How far a guest is with naming its free memory: {@link Balloon#startHinting}. Each request has a
 * number of its own.
 *
 * @param asked the number of the request that the guest serves, {@link #NONE} before the first, or
 *     {@link #RELEASED}
 * @param answered the number of the request that the guest has begun to serve, or {@link #NONE} when
 *     it has named all its free memory; empty before it has begun with the first
 */
public record FreePageHints(int asked, OptionalInt answered) {
    /** No request: VIRTIO_BALLOON_CMD_ID_STOP, VIRTIO 1.2, section 5.5.6.5. */
    public static final int NONE = 0;

    /** The guest may use the memory that it has named: VIRTIO_BALLOON_CMD_ID_DONE. */
    public static final int RELEASED = 1;

    /** Refuses null. */
    public FreePageHints {
        Objects.requireNonNull(answered, "answered");
    }

    /** Whether the guest has named all its free memory. */
    public boolean complete() {
        return answered.isPresent() && answered.getAsInt() == NONE;
    }
}
