package dev.microvm.sandbox;

import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What makes a {@link Sandbox#fork(ForkIdentity) fork} somebody else than the sandbox that it continues.
 * The steps come in this order, before anybody else uses the fork:
 *
 * <ol>
 *   <li>the VM generation ID, so that the guest's random generator starts anew: before the guest's
 *       first instruction, in each fork, if the kernel has a driver for it
 *   <li>the time of day, which is the host's, in each fork
 *   <li>the host name
 *   <li>hardware addresses of network devices, which the guest then announces
 *   <li>what you {@linkplain #then add}, such as keys of servers
 * </ol>
 *
 * <p>Immutable.
 */
public final class ForkIdentity {
    /** Random numbers and time, which each fork has. */
    public static final ForkIdentity DEFAULT = new ForkIdentity(null, List.of(), List.of());

    private static final int MAC_BYTES = 6;
    private static final int LOCAL = 2; // IEEE 802: given by an administrator; bit 0 would be a group
    private static final int LOCAL_MASK = 3;
    private static final SecureRandom RANDOM = new SecureRandom();

    /** The device's name and its address are arguments, so that no shell reads them. */
    private static final String SET_ADDRESS =
            "echo 1 > /proc/sys/net/ipv4/conf/$1/arp_notify; ip link set dev \"$1\" address \"$2\"";

    private final @Nullable String hostname;
    private final List<String> devices; // that get another address
    private final List<Consumer<? super Agent>> more;

    private ForkIdentity(@Nullable String hostname, List<String> devices, List<Consumer<? super Agent>> more) {
        this.hostname = hostname;
        this.devices = devices;
        this.more = more;
    }

    /** The same with another host name. */
    public ForkIdentity hostname(String name) {
        return new ForkIdentity(Objects.requireNonNull(name, "name"), devices, more);
    }

    /**
     * The same with a random hardware address of a network device, which the guest announces: for
     * guests that share a network. Needs the program {@code ip} in the guest.
     *
     * @param device such as {@code eth0}
     */
    public ForkIdentity ownMac(String device) {
        return new ForkIdentity(hostname, with(devices, Objects.requireNonNull(device, "device")), more);
    }

    /** The same with a last step of yours; several come in the order of the calls. */
    public ForkIdentity then(Consumer<? super Agent> step) {
        return new ForkIdentity(hostname, devices, with(more, Objects.requireNonNull(step, "step")));
    }

    private static <T> List<T> with(List<T> all, T one) {
        List<T> longer = new ArrayList<>(all);
        longer.add(one);
        return List.copyOf(longer);
    }

    /**
     * Takes all steps but the first, which the machine has taken.
     *
     * @throws SandboxException if the guest refuses one
     */
    void take(Agent agent) {
        agent.time(Instant.now());
        if (hostname != null) agent.hostname(hostname);
        for (String device : devices) {
            ExecResult result = agent.exec(Command.of("/bin/sh", "-c", SET_ADDRESS, "sh", device, randomMac()));
            if (result.exitCode() != 0) {
                throw new SandboxException("the hardware address of %s cannot be set: %s"
                        .formatted(device, result.stderr().strip()));
            }
        }
        more.forEach(step -> step.accept(agent));
    }

    private static String randomMac() {
        byte[] address = new byte[MAC_BYTES];
        RANDOM.nextBytes(address);
        address[0] = (byte) ((address[0] & ~LOCAL_MASK) | LOCAL);
        return HexFormat.ofDelimiter(":").formatHex(address);
    }
}
