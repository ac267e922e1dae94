package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;
import static dev.microvm.cli.qemu.Property.refused;

import java.util.List;
import java.util.Locale;

/** What {@code -chardev} says, and the short forms of {@code -serial}, {@code -monitor} and {@code -qmp}. */
final class Chardev {
    /** The kinds of character devices; the table says what each is. */
    enum Kind {
        STDIO,
        NULL,
        FILE,
        PTY,
        SOCKET
    }

    static final Grammar<Chardev> GRAMMAR = new Grammar<>(
            "-chardev",
            "backend",
            List.of(
                    maps(
                            "backend=stdio|null|file|pty|socket",
                            "standard input and output; nothing; a file for output; a new terminal, whose name is printed; a socket",
                            Chardev::kind),
                    maps("id=ID", "the name for `chardev=ID`", (chardev, value) -> chardev.id = value),
                    maps("path=PATH", "the file, or the Unix socket", (chardev, value) -> chardev.path = value),
                    maps(
                            "append=on|off",
                            "whether a file keeps what it has",
                            (chardev, value) -> chardev.append = Values.isOn(value)),
                    maps(
                            "host=HOST",
                            "address of a TCP socket; all addresses of the host if it is left out",
                            (chardev, value) -> chardev.host = value),
                    maps(
                            "port=N",
                            "port of a TCP socket",
                            (chardev, value) -> chardev.port = (int) Values.number(value, 0, 0xffff)),
                    maps(
                            "server=on|off",
                            "listens; one peer at a time",
                            (chardev, value) -> chardev.server = Values.isOn(value)),
                    maps(
                            "wait=on|off",
                            "whether the machine starts only when a peer is there; on by default, as in QEMU",
                            (chardev, value) -> chardev.wait = Values.isOn(value)),
                    maps(
                            "mux=on|off",
                            "several users, of which Ctrl-A c selects one",
                            (chardev, value) -> chardev.mux = Values.isOn(value)),
                    maps(
                            "signal=on|off",
                            "whether Ctrl-C on a terminal ends the machine; on by default, off with mon:stdio",
                            (chardev, value) -> chardev.signal = Values.isOn(value)),
                    maps(
                            "telnet=off, websocket=off, tls-creds=, abstract=off",
                            "plain bytes only",
                            (chardev, value) -> {
                                if (!value.isEmpty()) Values.only(value, "off", "use a plain socket");
                            }),
                    ignored("nodelay, ipv4, ipv6, tight, keep-alive, mptcp", "details of the socket"),
                    refused("reconnect, reconnect-ms, to, tls-authz, fd", "not here; leave it out"),
                    refused("logfile, logappend", "use -chardev file, or tee behind a socket"),
                    refused(
                            "size, width, height, cols, rows, localaddr, localport, name, input-path",
                            "of a kind that is not here")));

    String id = "";
    Kind kind = Kind.NULL;
    String path = "";
    String host = "";
    int port = -1;
    boolean append;
    boolean server;
    boolean wait = true;
    boolean mux;
    boolean signal = true;

    private static final String PTY = "pty";

    private void kind(String value) {
        if (!List.of("stdio", "null", "file", PTY, "socket").contains(value)) {
            throw new OptionException("there is no " + value + "; use stdio, null, file, pty or socket");
        }
        kind = Kind.valueOf(value.toUpperCase(Locale.ROOT));
    }

    /** Adds one of a command line. */
    static void add(String text, Invocation command) {
        if (text.equals("help")) {
            command.help("Available chardev backend types:\n  file\n  null\n  pty\n  socket\n  stdio\n");
            return;
        }
        Chardev made = new Chardev();
        GRAMMAR.apply(text, made, command);
        made.check();
        command.keep(command.chardevs, made.id, "chardev", made);
    }

    private void check() {
        if (kind == Kind.FILE && path.isEmpty()) throw new OptionException("needs a file: add path=FILE");
        if (kind == Kind.SOCKET && path.isEmpty() && port < 0) {
            throw new OptionException("needs an address: add path=PATH or port=N");
        }
    }

    /**
     * Reads the short form, such as {@code unix:/tmp/s,server=on,wait=off}, and adds what it stands
     * for.
     *
     * @return the id of the character device
     */
    static String shortForm(String text, Invocation command) {
        if (text.startsWith("chardev:")) return text.substring("chardev:".length());
        if (text.startsWith("mon:")) {
            String id = shortForm(text.substring("mon:".length()), command);
            Chardev shared = command.chardevs.get(id);
            if (shared == null)
                throw new OptionException("mon: before a chardev; give that one mux=on, and -mon chardev=" + id);
            shared.mux = true;
            if (!text.contains("signal=on")) shared.signal = false;
            command.monitors.add(new Invocation.MonitorWish(id, false, false));
            return id;
        }
        Chardev made = new Chardev();
        made.id = command.newId("chardev");
        String options = made.readShortForm(text);
        if (!options.isEmpty()) GRAMMAR.apply(KeyValue.parse(options, ""), text, made, command);
        command.chardevs.put(made.id, made);
        return made.id;
    }

    /** Returns the properties that follow. */
    private String readShortForm(String text) {
        int comma = text.indexOf(',');
        String head = comma < 0 ? text : text.substring(0, comma);
        int colon = head.indexOf(':');
        String scheme = colon < 0 ? head : head.substring(0, colon);
        String rest = head.substring(colon + 1);
        switch (scheme) {
            case "null", "vc" -> kind = Kind.NULL; // no display shows a vc
            case "stdio" -> kind = Kind.STDIO;
            case PTY -> kind = Kind.PTY;
            case "file" -> {
                kind = Kind.FILE;
                path = text.substring(colon + 1); // as in QEMU, also a comma belongs to it
                return "";
            }
            case "unix" -> {
                kind = Kind.SOCKET;
                path = rest;
            }
            case "tcp" -> {
                kind = Kind.SOCKET;
                int last = rest.lastIndexOf(':');
                if (last < 0) throw new OptionException("tcp:HOST:PORT, was \"" + text + "\"");
                host = rest.substring(0, last);
                port = (int) Values.number(rest.substring(last + 1), 0, 0xffff);
            }
            default ->
                throw new OptionException("there is no " + scheme
                        + "; use stdio, mon:stdio, null, none, file:PATH, pty, unix:PATH,server=on,wait=off,"
                        + " tcp:HOST:PORT,server=on,wait=off or chardev:ID");
        }
        return comma < 0 ? "" : text.substring(comma + 1);
    }
}
