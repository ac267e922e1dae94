package dev.microvm.devices.virtio.balloon;

import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
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
    private final int memoryMiB;

    // Guarded by this.
    private VirtioBalloonOptions options;
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

    /**
     * Sets how often the guest is asked for statistics, and asks at once.
     *
     * @param interval 100 ms to a day, or 0 for no further ones
     * @throws IllegalArgumentException if it is out of range
     */
    public synchronized void statisticsInterval(Duration interval) {
        VirtioBalloonOptions changed = options.statisticsInterval(interval);
        List<String> problems = changed.targetMiB(0).problems(memoryMiB);
        if (!problems.isEmpty()) throw new IllegalArgumentException(problems.getFirst());
        options = changed;
        if (device != null) device.statisticsInterval(interval);
    }

    /**
     * Asks the guest for all memory that it does not use, and gives it to the host. The guest holds
     * it until it is released. {@link #hints} says how far it is.
     *
     * @param release whether the guest may use the memory again as soon as it has named all of it;
     *     else {@link #releaseHinted} says when
     * @throws IllegalStateException if the guest has no driver that names free memory now, or {@link
     *     VirtioBalloonOptions#freePageHinting} is off
     */
    public synchronized void startHinting(boolean release) {
        hintingDevice().startHinting(release);
    }

    /**
     * Lets the guest use the memory that it has named.
     *
     * @throws IllegalStateException as {@link #startHinting}
     */
    public synchronized void releaseHinted() {
        hintingDevice().releaseHinted();
    }

    private VirtioBalloon hintingDevice() {
        if (!options.freePageHinting()) {
            throw new IllegalStateException("balloon: free page hinting is off: see VirtioBalloonOptions");
        }
        if (device == null || !device.hintingAccepted()) {
            throw new IllegalStateException("balloon: the guest has no driver now that names free memory");
        }
        return device;
    }

    /** Returns how far the guest is with naming its free memory. */
    public synchronized FreePageHints hints() {
        return device == null ? new FreePageHints(FreePageHints.NONE, OptionalInt.empty()) : device.hints();
    }

    /** Returns the latest statistics of the guest; empty if it has sent none yet. */
    public synchronized Optional<BalloonStatistics> statistics() {
        return device == null ? Optional.empty() : device.statistics();
    }
}
