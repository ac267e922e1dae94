package dev.microvm.devices.virtio.balloon;

import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * The host's side of the memory balloon of a machine: {@code MicroVm.balloon}. It exists through
 * all runs of the machine. The larger the balloon, the less memory the guest has, and the more the
 * host.
 *
 * <p>Any thread may call any method, also before the start of the machine.
 */
public final class Balloon {
    private final VirtioBalloonOptions options;
    private final int memoryMiB;

    // Guarded by this.
    private int targetMiB;
    private @Nullable VirtioBalloon device; // of the latest run
    private final List<Runnable> changeActions = new CopyOnWriteArrayList<>();

    Balloon(VirtioBalloonOptions options, int memoryMiB) {
        this.options = options;
        this.memoryMiB = memoryMiB;
        this.targetMiB = options.targetMiB();
    }

    /** Makes the device for a run. */
    synchronized VirtioDevice create(VirtioTransport transport) {
        VirtioBalloon made = new VirtioBalloon(
                transport, options.targetMiB(targetMiB), MemoryDiscard.ofHost(), InstantSource.system(), this::changed);
        device = made;
        return made;
    }

    /** Returns the target size of the balloon in MiB. */
    public synchronized int targetMiB() {
        return targetMiB;
    }

    /**
     * Sets the target size of the balloon, which is the memory that the guest should give up. The
     * guest gives up what it can and keeps trying; {@link #actualMiB} returns the current size. The
     * target survives a restart.
     *
     * @param mib size in MiB, 0 to the memory of the guest
     * @throws IllegalArgumentException if the size is out of range
     */
    public synchronized void targetMiB(int mib) {
        if (mib < 0 || mib > memoryMiB) {
            throw new IllegalArgumentException(
                    "targetMiB: 0 to %d (the guest's memory), was %d".formatted(memoryMiB, mib));
        }
        targetMiB = mib;
        if (device != null) device.targetMiB(mib);
    }

    /**
     * Returns the size of the balloon in MiB, as reported by the guest; 0 while the guest has no
     * balloon driver.
     */
    public synchronized int actualMiB() {
        return device == null ? 0 : device.actualMiB();
    }

    /**
     * Runs an action whenever the guest has reported another size of the balloon, in each run of the
     * machine. The action runs on the machine's I/O thread and must not wait. A guest can cause it at
     * will.
     */
    public void onChange(Runnable action) {
        changeActions.add(Objects.requireNonNull(action, "action"));
    }

    private void changed() {
        changeActions.forEach(Runnable::run);
    }

    /** Returns the latest statistics of the guest; empty if it has sent none yet. */
    public synchronized Optional<BalloonStatistics> statistics() {
        return device == null ? Optional.empty() : device.statistics();
    }
}
