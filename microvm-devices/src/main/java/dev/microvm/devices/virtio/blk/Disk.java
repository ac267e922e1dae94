package dev.microvm.devices.virtio.blk;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.limits.RateLimit;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The host's side of a disk of a machine: {@code MicroVm.disk}. It exists through all runs of the
 * machine.
 *
 * <p>Any thread may call any method, also before the start of the machine.
 */
public final class Disk {
    private final VirtioBlkOptions options;

    // Guarded by this.
    private DiskImage image;
    private RateLimit rateLimit;
    private @Nullable VirtioBlk device; // of the latest run

    Disk(VirtioBlkOptions options) {
        this.options = options;
        image = options.image();
        rateLimit = options.rateLimit();
    }

    /** Uses the device of a run. */
    synchronized VirtioDevice attach(VirtioBlk made) {
        made.rateLimit(rateLimit);
        device = made;
        return made;
    }

    /** There will be no more run. */
    synchronized void detach() {
        device = null;
    }

    /** Returns the options that the disk was added with. */
    public VirtioBlkOptions options() {
        return options;
    }

    /** Returns the image behind the disk. */
    public synchronized DiskImage image() {
        return image;
    }

    /**
     * Changes the medium: opens another image, which the guest reads and writes from now on. Its
     * driver is told that the size may have changed; a file system that is mounted does not notice
     * that its content has. The change survives a restart; a paused guest sees it when it is
     * resumed.
     *
     * @param other read-only if and only if the image before is
     * @throws IllegalArgumentException if one of them is read-only, and the other is not
     * @throws dev.microvm.backend.disk.BlockException if it cannot be opened, such as because it is
     *     in use; then nothing changes
     */
    public synchronized void image(DiskImage other) {
        Objects.requireNonNull(other, "other");
        if (other.isReadOnly() != image.isReadOnly()) {
            throw new IllegalArgumentException("image: must be %s, as %s is, was %s"
                    .formatted(image.isReadOnly() ? "read-only" : "writable", image, other));
        }
        if (device != null) device.replace(other.open());
        image = other;
    }

    /** Returns how much the guest may read and write in a second. */
    public synchronized RateLimit rateLimit() {
        return rateLimit;
    }

    /**
     * Sets how much the guest may read and write in a second. It holds at once, also for requests
     * that wait, and survives a restart.
     *
     * @param limit {@link RateLimit#NONE} for no limit
     */
    public synchronized void rateLimit(RateLimit limit) {
        rateLimit = Objects.requireNonNull(limit, "limit: null; give RateLimit.NONE for no limit");
        if (device != null) device.rateLimit(limit);
    }

    @Override
    public String toString() {
        return options.toString();
    }
}
