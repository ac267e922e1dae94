package dev.microvm.cli.qemu;

import dev.microvm.backend.net.NetBackend;

/** What {@code -netdev} says: the back end of a network device. */
interface Netdev {
    /** Returns the back end; throws {@link OptionException} if something is missing. */
    NetBackend backend();

    /** Adds one of a command line. */
    static void add(String text, Invocation command) {
        String type = KeyValue.parse(text, "type").getFirst().value();
        switch (type) {
            case "user" -> keep(UserNetdev.GRAMMAR, text, new UserNetdev(), command);
            case "tap" -> keep(TapNetdev.GRAMMAR, text, new TapNetdev(), command);
            case "stream" -> keep(StreamNetdev.GRAMMAR, text, new StreamNetdev(), command);
            case "help" -> command.help("Available netdev backend types:\nuser\ntap\nstream\n");
            case "passt" ->
                throw new OptionException("start passt --socket PATH yourself; use -netdev stream,id=ID,"
                        + "addr.type=unix,addr.path=PATH");
            case "bridge" ->
                throw new OptionException(
                        "no helper program is run; make a tap device and use -netdev tap,ifname=NAME");
            default ->
                throw new OptionException("there is no network " + type + "; use user, tap, or stream for passt");
        }
    }

    /** The id, which all of them have. */
    abstract class Named implements Netdev {
        String id = "";
    }

    private static <T extends Named> void keep(Grammar<T> grammar, String text, T made, Invocation command) {
        grammar.apply(text, made, command);
        command.keep(command.netdevs, made.id, "netdev", made);
    }
}
