package dev.microvm.sandbox.agent;

import java.io.IOException;
import java.net.Inet4Address;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A guest as a whole: its name, time, network, small files, end. Any thread may call. */
public final class GuestSystem {
    // Operations of a request SYSTEM.
    private static final int POWER_OFF = 1;
    private static final int HOSTNAME = 2;
    private static final int TIME = 3;
    private static final int NETWORK = 4;
    private static final int FILE = 5;
    private static final int MOUNT = 6;

    // Flags of mount(2): include/uapi/linux/mount.h.
    private static final int MS_RDONLY = 1;
    private static final int MS_NOSUID = 2;
    private static final int MS_NODEV = 4;

    private final Dialer dialer;

    /** @param dialer to the agent */
    public GuestSystem(Dialer dialer) {
        this.dialer = dialer;
    }

    private static Payload operation(int code) {
        return Payload.of(Wire.SYSTEM).int32(code);
    }

    /** Writes all files to the disks and turns the guest off. */
    public void powerOff() throws IOException {
        dialer.number(operation(POWER_OFF));
    }

    /** Sets the guest's name. */
    public void hostname(String name) throws IOException {
        dialer.number(operation(HOSTNAME).text(name));
    }

    /** Sets the guest's time of day. */
    public void time(Instant now) throws IOException {
        dialer.number(operation(TIME).int64(now.getEpochSecond()).int64(now.getNano()));
    }

    /** Sets a network device's address, and the default route if there is a gateway. */
    public void network(String device, Inet4Address address, int prefix, @Nullable Inet4Address gateway)
            throws IOException {
        int mask = Integer.reverseBytes((int) (-1L << (Integer.SIZE - prefix)));
        dialer.number(operation(NETWORK)
                .text(device)
                .int32(number(address))
                .int32(mask)
                .int32(gateway == null ? 0 : number(gateway)));
    }

    /** Returns an address as it is in memory, read as little-endian. */
    private static int number(Inet4Address address) {
        return Integer.reverseBytes(ByteBuffer.wrap(address.getAddress()).getInt());
    }

    /** Mounts a directory of the host in a folder, which is made if it is not there. */
    public void mount(String tag, String folder, boolean readOnly) throws IOException {
        int flags = MS_NOSUID | MS_NODEV | (readOnly ? MS_RDONLY : 0);
        dialer.number(operation(MOUNT).text(tag).text(folder).int32(flags));
    }

    /** Returns the text of a small file, such as those in {@code /proc}. */
    public String file(String path) throws IOException {
        try (AgentChannel channel = dialer.request(operation(FILE).text(path))) {
            return StandardCharsets.UTF_8.decode(channel.answer()).toString();
        }
    }
}
