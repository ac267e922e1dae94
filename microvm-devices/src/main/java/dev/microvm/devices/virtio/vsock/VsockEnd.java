package dev.microvm.devices.virtio.vsock;

import dev.microvm.devices.virtio.VirtioDeviceFactory;
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
public record VsockEnd(long cid, VsockHost host, @Nullable VsockUnixSockets sockets) {
    /** Makes sockets that lead nowhere yet. */
    public static VsockEnd of(long cid, @Nullable Path path, String machine) {
        VsockHost host = new VsockHost();
        return new VsockEnd(cid, host, path == null ? null : new VsockUnixSockets(host, path, machine));
    }

    /** Reports what is wrong with a choice. */
    public static void check(long cid, @Nullable Path path, List<String> problems) {
        if (cid < VirtioVsock.FIRST_CID || cid > VirtioVsock.LAST_CID) {
            problems.add("virtioVsock: a guest's context ID is %d to %d, was %d"
                    .formatted(VirtioVsock.FIRST_CID, VirtioVsock.LAST_CID, cid));
        }
        if (path != null) VsockUnixSockets.problem(path).ifPresent(problem -> problems.add("virtioVsock: " + problem));
    }

    /** Makes, for each run, a device that they lead to. */
    public VirtioDeviceFactory device() {
        return transport -> new VirtioVsock(transport, cid, host);
    }

    /** Opens what other processes connect to. */
    public void open() {
        if (sockets != null) sockets.open();
    }

    /** Says that there will be no more run; must not block. */
    public void end() {
        if (sockets != null) sockets.end();
        host.close();
    }

    /** Frees everything. */
    public void close() {
        end();
        if (sockets != null) sockets.close();
    }
}
