package dev.microvm.cli.firecracker.vm;

import dev.microvm.backend.net.TapBackend;
import dev.microvm.error.MicroVmException;
import dev.microvm.linux.Errno;
import dev.microvm.linux.ErrnoException;

/** Tries tap interfaces when they are configured, because Firecracker opens them then. */
final class Taps {
    private static final String OPEN = "Could not create the network device: Open tap device failed: ";

    private Taps() {}

    /** Opens a tap and closes it. @throws Refusal if it cannot be opened */
    static void check(String tap) {
        if (!TapBackend.isName(tap)) throw new Refusal(OPEN + "Invalid interface name");
        try (TapBackend backend = new TapBackend(tap)) {
            backend.start("probe", () -> {});
        } catch (MicroVmException e) {
            throw new Refusal(OPEN + why(tap, e));
        }
    }

    /** Returns the refusal of a tap that another interface of the same machine has. */
    static String busy(String tap) {
        return OPEN + failed(tap, Errno.EBUSY);
    }

    private static String why(String tap, MicroVmException e) {
        return e.getCause() instanceof ErrnoException cause
                ? failed(tap, cause.errno())
                : "Couldn't open /dev/net/tun: " + e.getMessage();
    }

    private static String failed(String tap, int errno) {
        return ("Error while creating ifreq structure: %s (os error %d). Invalid TUN/TAP Backend provided by %s. Check"
                        + " our documentation on setting up the network devices.")
                .formatted(Errno.text(errno), errno, tap);
    }
}
