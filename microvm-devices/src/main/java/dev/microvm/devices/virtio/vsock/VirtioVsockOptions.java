package dev.microvm.devices.virtio.vsock;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A virtio socket device as a user describes it.
 *
 * @param cid the guest's context ID, {@link VirtioVsock#FIRST_CID} to {@link VirtioVsock#LAST_CID}
 * @param path of the Unix socket of {@link VsockUnixSockets}; null if no other process is to connect
 */
public record VirtioVsockOptions(long cid, @Nullable Path path) {
    /** What is wrong with this description, as far as can be told without opening anything. */
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
