package dev.microvm.model;

import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.StreamBackend;
import dev.microvm.backend.net.TapBackend;
import dev.microvm.backend.net.user.NetReach;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.backend.net.user.UserNetworkSpec;
import java.net.SocketAddress;
import java.util.List;
import java.util.Objects;

/** The back end of a network device, as data. */
public sealed interface NetSpec {
    /** Returns the data form of a back end. */
    static NetSpec of(NetBackend backend) {
        Objects.requireNonNull(backend, "backend");
        return switch (backend) {
            case UserNetwork network -> new User(network.spec());
            case TapBackend tap -> new Tap(tap.tap());
            case StreamBackend stream -> new Stream(stream.peer());
            default -> new Own();
        };
    }

    /** Returns what is wrong with it; empty if nothing. */
    default List<String> problems() {
        return List.of();
    }

    /** Whether part of it is code, which a description does not hold. */
    default boolean isCode() {
        return false;
    }

    /** A network inside the process. */
    record User(UserNetworkSpec network) implements NetSpec {
        /** Refuses null. */
        public User {
            Objects.requireNonNull(network, "network");
        }

        @Override
        public boolean isCode() {
            return network.reach().kind() == NetReach.Kind.OWN;
        }

        @Override
        public List<String> problems() {
            return network.problems();
        }
    }

    /**
     * A tap device of the host.
     *
     * @param name of the interface
     */
    record Tap(String name) implements NetSpec {
        /** Refuses null. */
        public Tap {
            Objects.requireNonNull(name, "name");
        }

        @Override
        public List<String> problems() {
            return TapBackend.isName(name)
                    ? List.of()
                    : List.of("tap: must be the name of a network interface, was \"" + name + "\"");
        }
    }

    /**
     * A program behind a stream socket, such as passt.
     *
     * @param peer where it listens: a Unix socket or a TCP port
     */
    record Stream(SocketAddress peer) implements NetSpec {
        /** Refuses null. */
        public Stream {
            Objects.requireNonNull(peer, "peer");
        }
    }

    /** A user's own back end; its code is not part of a description. */
    record Own() implements NetSpec {
        @Override
        public boolean isCode() {
            return true;
        }
    }
}
