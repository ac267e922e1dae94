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
 * Opens a disk's image and makes the device for it, each time that the machine starts.
 *
 * @param machine its name, for the names of threads
 * @param clock its clock: threads of the disk would make a run by the instruction clock one that cannot be repeated
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
