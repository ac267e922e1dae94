package dev.microvm.devices.virtio.vsock;

import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The {@link HostEnd} of a virtio socket device: its sockets in Java and, optionally, its Unix
 * sockets.
 */
public final class VsockEnd implements HostEnd {
    private final long cid;
    private final VsockHost host = new VsockHost();
    private final @Nullable VsockUnixSockets sockets;

    /**
     * Makes a host end without a device yet.
     *
     * @param machine name of the machine, for the names of threads
     */
    public VsockEnd(VirtioVsockOptions options, String machine) {
        Objects.requireNonNull(options, "options");
        Objects.requireNonNull(machine, "machine");
        cid = options.cid();
        sockets = options.path() == null
                ? null
                : new VsockUnixSockets(host, options.path(), options.connectTimeout(), machine);
    }

    /** Returns the sockets for Java programs. */
    public VsockHost host() {
        return host;
    }

    @Override
    public void open() {
        if (sockets != null) sockets.open();
    }

    @Override
    public VirtioDevice create(VirtioTransport transport) {
        Objects.requireNonNull(transport, "transport");
        return new VirtioVsock(transport, cid, host);
    }

    @Override
    public void end() {
        if (sockets != null) sockets.end();
        host.close();
    }

    @Override
    public void close() {
        end();
        if (sockets != null) sockets.close();
    }
}
