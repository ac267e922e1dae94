package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;
import static dev.microvm.cli.qemu.Property.refused;

import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.TapBackend;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What {@code -netdev tap} says: a tap device of the host. */
final class TapNetdev extends Netdev.Named {
    static final Grammar<TapNetdev> GRAMMAR = new Grammar<>(
            "-netdev tap",
            "type",
            List.of(
                    maps("type=tap", "`virtioNet(new TapBackend(name))`", (net, value) -> {}),
                    maps("id=ID", "the name for `netdev=ID` of the device", (net, value) -> net.id = value),
                    maps(
                            "ifname=NAME",
                            "the name of the interface; by default the first of tap0, tap1, ... that does not exist, as in QEMU",
                            (net, value) -> net.name = value),
                    maps("script=no", "no script is run. Others are refused", TapNetdev::noScript),
                    maps("downscript=no", "the same", TapNetdev::noScript),
                    ignored("vhost, vhostforce, sndbuf, poll-us", "packets go through this process"),
                    ignored("queues", "one pair of queues is used, also of a tap made with multi_queue"),
                    refused(
                            "fd, fds, vhostfd, vhostfds",
                            "a descriptor cannot be handed to this program; use ifname=NAME of a tap that its user owns"),
                    refused(
                            "helper, br",
                            "no helper program is run; make the tap device before, and use ifname=NAME")));

    private static final Path INTERFACES = Path.of("/sys/class/net");

    private String name = "";

    private static void noScript(TapNetdev net, String value) {
        Values.only(value, "no", "no script is run; configure the tap device before, or by a script of your own");
    }

    @Override
    public NetBackend backend() {
        return new TapBackend(name.isEmpty() ? firstFree() : name);
    }

    /** The kernel's choice for the name tap%d. */
    private static String firstFree() {
        int number = 0;
        while (Files.exists(INTERFACES.resolve("tap" + number))) number++;
        return "tap" + number;
    }
}
