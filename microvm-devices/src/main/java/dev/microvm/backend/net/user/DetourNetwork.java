package dev.microvm.backend.net.user;

import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.NetOffload;
import dev.microvm.backend.net.VnetHeader;
import dev.microvm.backend.net.user.Headers.Arp;
import dev.microvm.backend.net.user.Headers.Ethernet;
import dev.microvm.backend.net.user.Headers.Ipv4;
import dev.microvm.error.MicroVmException;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * A network with one address more, which this process serves itself: a TCP port of it leads to a
 * Unix socket. What the guest sends to that address takes a detour and never reaches the network
 * behind; everything else passes through.
 *
 * <p>The address answers ARP and ping, to a guest with any address of its own. Its TCP is that of
 * {@link UserNetwork}, with its limits; a guest can have {@value #CONNECTIONS} connections.
 */
public final class DetourNetwork implements NetBackend, Stateful {
    private static final int CONNECTIONS = 30;
    private static final int NEW_PER_SECOND = 1000;
    private static final int MTU = 1500;
    private static final int WINDOW_BYTES = 64 * 1024;
    private static final long BUFFER_BYTES = CONNECTIONS * 2L * WINDOW_BYTES;
    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final int ALL = 0; // bits of the prefix of all addresses

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final int TYPE = VnetHeader.SIZE + Ethernet.TYPE;
    private static final int PAYLOAD = VnetHeader.SIZE + Ethernet.SIZE;

    private final NetBackend network;
    private final UserNetwork detour;
    private final int address;
    private boolean detourFirst; // the next frame for the guest is asked of the detour

    /**
     * Describes one; opens nothing before {@link #start}.
     *
     * @param network everything else
     * @param address IPv4 address, such as {@code 169.254.169.254}
     * @param port TCP port that is served
     * @param socket Unix socket that serves it
     * @throws IllegalArgumentException if that is no address of one station
     */
    public DetourNetwork(NetBackend network, String address, int port, Path socket) {
        this.network = Objects.requireNonNull(network, "network");
        Objects.requireNonNull(address, "address");
        Objects.requireNonNull(socket, "socket");
        this.address = Ipv4Address.parse(address);
        if (!Ipv4Address.isUnicast(this.address))
            throw new IllegalArgumentException("not a unicast address: " + address);
        detour = new UserNetwork(new UserNetworkConfig(
                new Subnet(0, ALL, this.address, this.address, 1),
                MTU,
                NetPolicy.NONE,
                List.of(),
                List.of(),
                false,
                DhcpNames.NONE,
                CONNECTIONS,
                1,
                NEW_PER_SECOND,
                WINDOW_BYTES,
                BUFFER_BYTES,
                TIMEOUT,
                TIMEOUT,
                Map.of(port, UnixDomainSocketAddress.of(socket))));
    }

    @Override
    public void start(String name, Runnable ready) {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(ready, "ready");
        network.start(name, ready);
        try {
            if (!network.vnetHeader()) {
                throw new MicroVmException(network + " has no vnet header, which a detour needs: use a tap");
            }
            detour.start(name + "-detour", ready);
        } catch (RuntimeException e) {
            network.close();
            throw e;
        }
    }

    @Override
    public boolean send(MemorySegment segment, long offset, long length) {
        Objects.requireNonNull(segment, "segment");
        return isForDetour(segment, offset, length)
                ? detour.send(segment, offset, length)
                : network.send(segment, offset, length);
    }

    /** The guest may change the frame meanwhile: then it is lost, in one network or the other. */
    private boolean isForDetour(MemorySegment frame, long offset, long length) {
        if (length < PAYLOAD + Ipv4.SIZE) return false;
        return switch (frame.get(SHORT, offset + TYPE)) {
            case (short) Ethernet.TYPE_IPV4 -> frame.get(INT, offset + PAYLOAD + Ipv4.DESTINATION) == address;
            case (short) Ethernet.TYPE_ARP ->
                length >= PAYLOAD + Arp.SIZE && frame.get(INT, offset + PAYLOAD + Arp.TARGET_IP) == address;
            default -> false;
        };
    }

    /** Asks both in turn, so that neither waits for the other. */
    @Override
    public int receive(MemorySegment segment, long offset, int capacity) {
        Objects.requireNonNull(segment, "segment");
        detourFirst = !detourFirst;
        NetBackend first = detourFirst ? detour : network;
        NetBackend second = detourFirst ? network : detour;
        int length = first.receive(segment, offset, capacity);
        return length == NO_FRAME ? second.receive(segment, offset, capacity) : length;
    }

    @Override
    public boolean vnetHeader() {
        return network.vnetHeader();
    }

    @Override
    public Set<NetOffload> offloads() {
        return network.offloads();
    }

    @Override
    public void guestOffloads(Set<NetOffload> accepted) {
        Objects.requireNonNull(accepted, "accepted");
        network.guestOffloads(accepted);
        Set<NetOffload> both = EnumSet.copyOf(detour.offloads());
        both.retainAll(accepted);
        detour.guestOffloads(both);
    }

    @Override
    public int mtu() {
        return network.mtu();
    }

    @Override
    public DeviceState save() {
        return network instanceof Stateful stateful ? stateful.save() : new DeviceState("detour", 1);
    }

    /** Restores the network behind; connections to the address are gone. */
    @Override
    public void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        if (network instanceof Stateful stateful) stateful.restore(state);
    }

    @Override
    public void close() {
        detour.close();
        network.close();
    }

    @Override
    public String toString() {
        return "%s with a detour for %s".formatted(network, Ipv4Address.text(address));
    }
}
