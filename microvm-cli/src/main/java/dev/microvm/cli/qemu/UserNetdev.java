package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;
import static dev.microvm.cli.qemu.Property.refused;

import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.user.HostForward;
import dev.microvm.backend.net.user.NetPolicy;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.backend.net.user.UserNetworkBuilder;
import java.util.ArrayList;
import java.util.List;

/** What {@code -netdev user} says: a network inside this process. */
final class UserNetdev extends Netdev.Named {
    static final Grammar<UserNetdev> GRAMMAR = new Grammar<>(
            "-netdev user",
            "type",
            List.of(
                    maps("type=user", "`virtioNet(UserNetwork.builder()...build())`", (net, value) -> {}),
                    maps("id=ID", "the name for `netdev=ID` of the device", (net, value) -> net.id = value),
                    maps(
                            "hostfwd=RULE",
                            "`.forward(HostForward.parse(\"tcp::10022-:22\"))`, for each; it listens at all addresses of the host"
                                    + " unless the rule names one, as in QEMU",
                            (net, value) -> net.network.forward(HostForward.parse(value))),
                    maps(
                            "restrict=on|off",
                            "on: `.policy(NetPolicy.NONE)`. off, the default: `.policy(NetPolicy.ALL)`, so that the guest reaches"
                                    + " this host at 10.0.2.2, as in QEMU; a program's default is `OUTSIDE`",
                            (net, value) -> net.network.policy(Values.isOn(value) ? NetPolicy.NONE : NetPolicy.ALL)),
                    maps("net=ADDRESS/BITS", "`.network(...)`", (net, value) -> net.network.network(withBits(value))),
                    maps("host=ADDRESS", "`.hostAddress(...)`", (net, value) -> net.network.hostAddress(value)),
                    maps("dns=ADDRESS", "`.dnsAddress(...)`", (net, value) -> net.network.dnsAddress(value)),
                    maps("dhcpstart=ADDRESS", "`.guestAddress(...)`", (net, value) -> net.network.guestAddress(value)),
                    maps("hostname=NAME", "`.guestHostName(...)`", (net, value) -> net.network.guestHostName(value)),
                    maps("domainname=NAME", "`.guestDomain(...)`", (net, value) -> net.network.guestDomain(value)),
                    maps("dnssearch=NAME", "`.guestSearch(...)`, for all of them", (net, value) -> {
                        net.search.add(value);
                        net.network.guestSearch(net.search.toArray(String[]::new));
                    }),
                    maps(
                            "ipv6=off",
                            "there is IPv4 only",
                            (net, value) -> Values.only(value, "off", "there is IPv4 only")),
                    ignored("ipv4", "always on"),
                    refused(
                            "guestfwd, smb, smbserver, tftp, tftp-server-name, bootfile",
                            "no such service; run a server on this host, which the guest reaches at 10.0.2.2"),
                    refused("ipv6-*", "there is IPv4 only; leave it out")));

    private final UserNetworkBuilder network = UserNetwork.builder().policy(NetPolicy.ALL);
    private final List<String> search = new ArrayList<>();

    /** QEMU also takes an address alone, as a class C network, and a mask in dots. */
    private static String withBits(String text) {
        int slash = text.indexOf('/');
        if (slash < 0) return text + "/24";
        String mask = text.substring(slash + 1);
        if (!mask.contains(".")) return text;
        int bits = 0;
        for (String part : mask.split("\\.")) bits += Integer.bitCount((int) Values.number(part, 0, 255));
        return text.substring(0, slash) + "/" + bits;
    }

    @Override
    public NetBackend backend() {
        return network.build();
    }
}
