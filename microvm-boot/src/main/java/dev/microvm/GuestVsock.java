package dev.microvm;

import dev.microvm.devices.virtio.VirtioDeviceFactory;
import dev.microvm.devices.virtio.vsock.VirtioVsock;
import dev.microvm.devices.virtio.vsock.VsockHost;
import dev.microvm.devices.virtio.vsock.VsockUnixSockets;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The guest's sockets as the host has them, through all runs of a machine.
 *
 * @param cid the guest's context ID
 * @param host for Java programs
 * @param sockets for other processes, if they are wanted
 */
record GuestVsock(long cid, VsockHost host, @Nullable VsockUnixSockets sockets) {
    /** Makes sockets that lead nowhere yet. */
    static GuestVsock of(long cid, @Nullable Path path, String machine) {
        VsockHost host = new VsockHost();
        return new GuestVsock(cid, host, path == null ? null : new VsockUnixSockets(host, path, machine));
    }

    /** Reports what is wrong with a choice. */
    static void check(long cid, @Nullable Path path, List<String> problems) {
        if (cid < VirtioVsock.FIRST_CID || cid > VirtioVsock.LAST_CID) {
            problems.add("virtioVsock: a guest's context ID is %d to %d, was %d"
                    .formatted(VirtioVsock.FIRST_CID, VirtioVsock.LAST_CID, cid));
        }
        if (path != null) VsockUnixSockets.problem(path).ifPresent(problem -> problems.add("virtioVsock: " + problem));
    }

    /** Makes, for each run, a device that they lead to. */
    VirtioDeviceFactory device() {
        return transport -> new VirtioVsock(transport, cid, host);
    }

    /** Opens what other processes connect to. */
    void open() {
        if (sockets != null) sockets.open();
    }

    /** Says that there will be no more run; must not block. */
    void end() {
        if (sockets != null) sockets.end();
        host.close();
    }

    /** Frees everything. */
    void close() {
        end();
        if (sockets != null) sockets.close();
    }
}
