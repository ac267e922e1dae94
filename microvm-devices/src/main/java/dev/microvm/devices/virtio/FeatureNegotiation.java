package dev.microvm.devices.virtio;

import dev.microvm.state.DeviceState;

/**
 * The features that a device offers and those that its driver chooses, which the registers show 32
 * at a time: VIRTIO 1.2, sections 2.2 and 4.2.2. Guarded by the transport's lock.
 */
final class FeatureNegotiation {
    private static final long LOW_HALF = 0xffff_ffffL;

    private final boolean modern;
    private final VirtioDevice device;
    private final long offered;
    private long chosen;
    private int offeredSelect;
    private int chosenSelect;

    /**
     * Adds the transport's features to the device's own; a legacy device has 32 of them: section
     * 2.2.3.
     */
    FeatureNegotiation(boolean modern, VirtioDevice device) {
        this.modern = modern;
        this.device = device;
        long all = device.features() | VirtioFeatures.INDIRECT_DESC | VirtioFeatures.EVENT_IDX;
        offered = modern ? all | VirtioFeatures.VERSION_1 : (all | VirtioFeatures.ANY_LAYOUT) & LOW_HALF;
    }

    /** Chooses the half that {@link #readOffered} shows: DeviceFeaturesSel. */
    void selectOffered(int half) {
        offeredSelect = half;
    }

    /** The selected half of what is offered: DeviceFeatures. */
    long readOffered() {
        return switch (offeredSelect) {
            case 0 -> offered & LOW_HALF;
            case 1 -> offered >>> Integer.SIZE;
            default -> 0;
        };
    }

    /** Chooses the half that {@link #writeChosen} sets: DriverFeaturesSel. */
    void selectChosen(int half) {
        chosenSelect = half;
    }

    /** Sets the selected half of what the driver chooses: DriverFeatures. */
    void writeChosen(int value) {
        long bits = Integer.toUnsignedLong(value);
        if (chosenSelect == 0) chosen = (chosen & ~LOW_HALF) | bits;
        else if (chosenSelect == 1) chosen = (chosen & LOW_HALF) | (bits << Integer.SIZE);
    }

    /** Whether the device can work with what the driver has chosen. */
    boolean accepted() {
        boolean subset = (chosen & ~offered) == 0; // 2.2.2
        boolean wantedVersion = !modern || (chosen & VirtioFeatures.VERSION_1) != 0; // 6.2
        return subset && wantedVersion && device.accepts(chosen);
    }

    /**
     * What the driver has chosen; of what a legacy driver chose, which is not asked, what is
     * offered.
     */
    long negotiated() {
        chosen &= offered;
        return chosen;
    }

    void reset() {
        offeredSelect = 0;
        chosenSelect = 0;
        chosen = 0;
    }

    void save(DeviceState to) {
        to.put("deviceFeaturesSel", offeredSelect)
                .put("driverFeaturesSel", chosenSelect)
                .put("driverFeatures", chosen);
    }

    void restore(DeviceState from) {
        offeredSelect = from.integer("deviceFeaturesSel");
        chosenSelect = from.integer("driverFeaturesSel");
        chosen = from.number("driverFeatures");
    }
}
