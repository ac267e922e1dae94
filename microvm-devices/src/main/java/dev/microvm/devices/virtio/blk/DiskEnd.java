package dev.microvm.devices.virtio.blk;

import dev.microvm.backend.disk.BlockBackend;
import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import java.util.Objects;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The {@link HostEnd} of a {@link Disk}. Opens the image each time the machine starts; the limit of
 * the disk's rate survives a restart.
 */
public final class DiskEnd implements HostEnd {
    private final VirtioBlkOptions options;
    private final String machine;
    private final boolean ownThreads;
    private final Disk disk;

    /**
     * Makes a host end without a device yet.
     *
     * @param machine the machine's name, for the names of threads
     * @param ownThreads whether each queue has a thread; false with an instruction clock, as threads
     *     would make runs differ
     */
    public DiskEnd(VirtioBlkOptions options, String machine, boolean ownThreads) {
        this.options = Objects.requireNonNull(options, "options");
        this.machine = Objects.requireNonNull(machine, "machine");
        this.ownThreads = ownThreads;
        disk = new Disk(options);
    }

    /** Returns the disk, for the user of the machine. */
    public Disk disk() {
        return disk;
    }

    @Override
    public VirtioDevice create(VirtioTransport transport) {
        Objects.requireNonNull(transport, "transport");
        BlockBackend backend = disk.image().open();
        try {
            return disk.attach(new VirtioBlk(transport, backend, options.serial(), options.queues(), threads()));
        } catch (RuntimeException | Error e) {
            backend.close();
            throw e;
        }
    }

    private @Nullable ThreadFactory threads() {
        if (!ownThreads) return null;
        String name = "microvm-" + machine + "-" + options.image().path().getFileName();
        AtomicInteger queue = new AtomicInteger();
        return task -> {
            Thread thread = new Thread(task, name + "-" + queue.getAndIncrement());
            thread.setDaemon(true);
            return thread;
        };
    }

    @Override
    public void end() {
        disk.detach();
    }
}
