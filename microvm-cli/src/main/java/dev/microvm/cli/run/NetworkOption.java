package dev.microvm.cli.run;

import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.StreamBackend;
import dev.microvm.backend.net.TapBackend;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.backend.net.user.UserNetworkBuilder;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A network of a machine.
 *
 * @param kind what is behind it
 * @param place the name of the tap, or the path of the socket; else empty
 */
record NetworkOption(Kind kind, String place) {
    /** What is behind a network device. */
    enum Kind {
        NONE,
        USER,
        TAP,
        UNIX
    }

    /** Returns the back end; {@code ports} lead into the guest, and are for USER. */
    NetBackend backend(List<PublishedPort> ports) {
        return switch (kind) {
            case TAP -> new TapBackend(place);
            case UNIX -> StreamBackend.unix(Path.of(place));
            case USER -> {
                UserNetworkBuilder network = UserNetwork.builder();
                ports.forEach(port -> network.forward(port.forward()));
                yield network.build();
            }
            case NONE -> throw new IllegalStateException("there is no network");
        };
    }

    /** Reads {@code none}, {@code user}, {@code tap:NAME} or {@code unix:PATH}. */
    static final class Converter implements ITypeConverter<NetworkOption> {
        @Override
        public NetworkOption convert(String text) {
            int colon = text.indexOf(':');
            String word = colon < 0 ? text : text.substring(0, colon);
            String place = colon < 0 ? "" : text.substring(colon + 1);
            NetworkOption option = switch (word) {
                case "none" -> new NetworkOption(Kind.NONE, place);
                case "user" -> new NetworkOption(Kind.USER, place);
                case "tap" -> new NetworkOption(Kind.TAP, place);
                case "unix" -> new NetworkOption(Kind.UNIX, place);
                default -> throw refusal(text);
            };
            boolean needsPlace = option.kind == Kind.TAP || option.kind == Kind.UNIX;
            if (needsPlace == place.isEmpty()) throw refusal(text);
            if (option.kind == Kind.TAP && !TapBackend.isName(place)) throw refusal(text);
            return option;
        }

        private static TypeConversionException refusal(String text) {
            return new TypeConversionException("must be none, user, tap:NAME or unix:SOCKET, was '" + text + "'");
        }
    }
}
