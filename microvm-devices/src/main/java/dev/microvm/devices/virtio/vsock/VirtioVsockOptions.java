package dev.microvm.devices.virtio.vsock;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Options of a virtio socket device.
 *
 * @param cid context ID of the guest, {@link VirtioVsock#FIRST_CID} to {@link VirtioVsock#LAST_CID}
 * @param path path of the Unix socket of {@link VsockUnixSockets}; null for no access by other
 *     processes
 * @param connectTimeout maximum time from {@code CONNECT} on the Unix socket to the answer of the
 *     guest, more than zero, up to a day; it includes the time until the guest has booted so far
 *     that its driver runs
 */
public record VirtioVsockOptions(long cid, @Nullable Path path, Duration connectTimeout) {
    /** The default of {@code connectTimeout}. */
    public static final Duration DEFAULT_CONNECT_TIMEOUT = Duration.ofSeconds(10);

    private static final Duration MAX_CONNECT_TIMEOUT = Duration.ofDays(1);

    /** Refuses null. */
    public VirtioVsockOptions {
        Objects.requireNonNull(connectTimeout, "connectTimeout");
    }

    /** Makes options with {@link #DEFAULT_CONNECT_TIMEOUT}. */
    public VirtioVsockOptions(long cid, @Nullable Path path) {
        this(cid, path, DEFAULT_CONNECT_TIMEOUT);
    }

    /** Returns the same options with another time-out. */
    public VirtioVsockOptions withConnectTimeout(Duration value) {
        return new VirtioVsockOptions(cid, path, value);
    }

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
        if (connectTimeout.isNegative()
                || connectTimeout.isZero()
                || connectTimeout.compareTo(MAX_CONNECT_TIMEOUT) > 0) {
            problems.add("connectTimeout: more than zero, up to a day, was " + connectTimeout);
        }
        return problems;
    }

    @Override
    public String toString() {
        return "CID " + cid;
    }
}
