package dev.microvm.devices.virtio.fs;

import dev.microvm.backend.fs.host.HostTree;
import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.limits.JvmBudgets;
import java.util.Objects;

/** The {@link HostEnd} of a shared directory. Opens the directory each time the machine starts. */
public final class FsEnd implements HostEnd {
    private final VirtioFsOptions options;
    private final String machine;

    /**
     * Makes a host end without a device yet.
     *
     * @param machine the machine's name, for the names of threads
     */
    public FsEnd(VirtioFsOptions options, String machine) {
        this.options = Objects.requireNonNull(options, "options");
        this.machine = Objects.requireNonNull(machine, "machine");
    }

    @Override
    public VirtioDevice create(VirtioTransport transport) {
        Objects.requireNonNull(transport, "transport");
        HostTree tree = new HostTree(options.directory(), JvmBudgets.descriptors());
        try {
            return new VirtioFs(transport, options.tag(), tree, this::thread);
        } catch (RuntimeException | Error e) {
            tree.close();
            throw e;
        }
    }

    private Thread thread(Runnable task) {
        Thread thread = new Thread(task, "microvm-%s-fs-%s".formatted(machine, options.tag()));
        thread.setDaemon(true);
        return thread;
    }
}
