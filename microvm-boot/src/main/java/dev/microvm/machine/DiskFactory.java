package dev.microvm.machine;

import dev.microvm.backend.disk.BlockBackend;
import dev.microvm.clock.GuestClock;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioDeviceFactory;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.blk.VirtioBlk;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Opens a disk's image and makes its device, each time the machine starts.
 *
 * @param machine the machine's name, for the names of threads
 * @param clock the machine's clock; with an instruction clock the disk has no threads of its own,
 *     which would make runs differ
 */
public record DiskFactory(VirtioBlkOptions options, String machine, GuestClock clock) implements VirtioDeviceFactory {
    @Override
    public VirtioDevice create(VirtioTransport transport) {
        BlockBackend backend = options.image().open();
        try {
            return new VirtioBlk(transport, backend, options.serial(), options.queues(), threads());
        } catch (RuntimeException | Error e) {
            backend.close();
            throw e;
        }
    }

    private @Nullable ThreadFactory threads() {
        if (!(clock instanceof GuestClock.Host)) return null;
        String disk = "microvm-" + machine + "-" + options.image().path().getFileName();
        AtomicInteger queue = new AtomicInteger();
        return task -> {
            Thread thread = new Thread(task, disk + "-" + queue.getAndIncrement());
            thread.setDaemon(true);
            return thread;
        };
    }
}
