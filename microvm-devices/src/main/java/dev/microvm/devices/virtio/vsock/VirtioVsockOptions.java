package dev.microvm.devices.virtio.vsock;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Options of a virtio socket device.
 *
 * @param cid context ID of the guest, {@link VirtioVsock#FIRST_CID} to {@link VirtioVsock#LAST_CID}
 * @param path path of the Unix socket of {@link VsockUnixSockets}; null for no access by other
 *     processes
 */
public record VirtioVsockOptions(long cid, @Nullable Path path) {
    /**
     * Returns the problems of these options that can be found without opening anything; empty if
     * there is none.
     */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (cid < VirtioVsock.FIRST_CID || cid > VirtioVsock.LAST_CID) {
            problems.add("a guest's context ID is %d to %d, was %d"
                    .formatted(VirtioVsock.FIRST_CID, VirtioVsock.LAST_CID, cid));
        }
        if (path != null) VsockUnixSockets.problem(path).ifPresent(problems::add);
        return problems;
    }

    @Override
    public String toString() {
        return "CID " + cid;
    }
}
