package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;

import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.NetBackend;
import dev.microvm.devices.virtio.net.VirtioNetOptions;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What {@code -device virtio-net-device} says. */
final class NetDevice implements Device {
    static final List<Property<NetDevice>> PROPERTIES = List.of(
            maps("netdev=ID", "the back end: a [-netdev](#-netdev-user)", (net, value) -> net.netdev = value),
            maps(
                    "mac=ADDRESS",
                    "`VirtioNetOptions.address`; by default the address follows from the machine's name",
                    (net, value) -> net.mac = MacAddress.parse(value)),
            ignored("mq", "one pair of queues"),
            ignored(
                    "vectors, csum, gso, guest_*, host_*, mrg_rxbuf, status, ctrl_*, rx_queue_size, tx_queue_size, tx, x-*,"
                            + " speed, duplex, rss, hash, failover, page-per-vq",
                    "the guest is offered what the back end can do"));

    private String netdev = "";
    private @Nullable MacAddress mac;

    @Override
    public void addTo(Invocation command) {
        Netdev found = command.netdevs.get(netdev);
        if (found == null) {
            throw new OptionException(
                    netdev.isEmpty()
                            ? "needs a network; add netdev=ID, and -netdev user,id=ID"
                            : "there is no netdev " + netdev + "; give it by -netdev user,id=" + netdev);
        }
        if (command.networks.contains(netdev)) {
            throw new OptionException("netdev " + netdev + " has a device already; give each device its own");
        }
        NetBackend backend = found.backend();
        VirtioNetOptions options = mac == null ? VirtioNetOptions.DEFAULT : VirtioNetOptions.DEFAULT.address(mac);
        command.vm.virtioNet(backend, options);
        command.networks.add(netdev);
    }
}
