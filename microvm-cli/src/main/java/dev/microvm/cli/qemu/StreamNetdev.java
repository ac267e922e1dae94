package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;
import static dev.microvm.cli.qemu.Property.refused;

import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.StreamBackend;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;

/** What {@code -netdev stream} says: a program behind a socket, such as passt. */
final class StreamNetdev extends Netdev.Named {
    static final Grammar<StreamNetdev> GRAMMAR = new Grammar<>(
            "-netdev stream",
            "type",
            List.of(
                    maps("type=stream", "a program behind a socket, such as passt", (net, value) -> {}),
                    maps("id=ID", "the name for `netdev=ID` of the device", (net, value) -> net.id = value),
                    maps("server=off", "it connects, and does not listen", (net, value) -> {
                        Values.only(value, "off", "let the other program listen");
                    }),
                    maps(
                            "addr.type=unix|inet",
                            "`virtioNet(StreamBackend.unix(path))`, `virtioNet(StreamBackend.tcp(address))`",
                            (net, value) -> net.type = Values.oneOf(value, "unix", "inet")),
                    maps("addr.path=PATH", "the Unix socket", (net, value) -> net.path = value),
                    maps("addr.host=HOST", "the host", (net, value) -> net.host = value),
                    maps("addr.port=N", "the port", (net, value) -> net.port = (int) Values.number(value, 1, 0xffff)),
                    ignored(
                            "addr.numeric, addr.keep-alive, addr.mptcp, addr.ipv4, addr.ipv6, addr.abstract=off, addr.tight",
                            "details of the socket"),
                    refused("reconnect, reconnect-ms, addr.str, addr.to", "not here; leave it out")));

    private String type = "";
    private String path = "";
    private String host = "";
    private int port;

    @Override
    public NetBackend backend() {
        if (type.equals("unix") && !path.isEmpty()) return StreamBackend.unix(Path.of(path));
        if (type.equals("inet") && !host.isEmpty() && port != 0)
            return StreamBackend.tcp(new InetSocketAddress(host, port));
        throw new OptionException("netdev " + id + " needs addr.type=unix,addr.path=PATH"
                + " or addr.type=inet,addr.host=HOST,addr.port=N");
    }
}
