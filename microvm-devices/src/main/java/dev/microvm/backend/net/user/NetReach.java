package dev.microvm.backend.net.user;

import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * The {@link NetPolicy} of a network as data. It represents the predefined policies; {@link #OWN}
 * stands for any other policy, which is code.
 *
 * @param kind kind of policy
 * @param hostPorts ports of {@link Kind#HOST_PORTS}; otherwise empty
 */
public record NetReach(Kind kind, Set<Integer> hostPorts) {
    /** {@link NetPolicy#OUTSIDE}. */
    public static final NetReach OUTSIDE = new NetReach(Kind.OUTSIDE, Set.of());

    /** A policy that is code. */
    public static final NetReach OWN = new NetReach(Kind.OWN, Set.of());

    /** Copies the ports. */
    public NetReach {
        Objects.requireNonNull(kind, "kind");
        Objects.requireNonNull(hostPorts, "hostPorts");
        hostPorts = Set.copyOf(hostPorts);
    }

    /** A kind of policy. */
    public enum Kind {
        /** {@link NetPolicy#OUTSIDE}. */
        OUTSIDE,
        /** {@link NetPolicy#ALL}. */
        ALL,
        /** {@link NetPolicy#NONE}. */
        NONE,
        /** {@link NetPolicy#hostPorts}. */
        HOST_PORTS,
        /** A policy that is code. */
        OWN
    }

    /** Returns the data form of a policy. */
    static NetReach of(NetPolicy policy) {
        if (policy.equals(NetPolicy.OUTSIDE)) return OUTSIDE;
        if (policy.equals(NetPolicy.ALL)) return new NetReach(Kind.ALL, Set.of());
        if (policy.equals(NetPolicy.NONE)) return new NetReach(Kind.NONE, Set.of());
        if (policy instanceof HostPorts ports) return new NetReach(Kind.HOST_PORTS, ports.allowed());
        return OWN;
    }

    /** Returns the policy; empty for {@link #OWN}. */
    Optional<NetPolicy> policy() {
        return switch (kind) {
            case OUTSIDE -> Optional.of(NetPolicy.OUTSIDE);
            case ALL -> Optional.of(NetPolicy.ALL);
            case NONE -> Optional.of(NetPolicy.NONE);
            case HOST_PORTS -> Optional.of(new HostPorts(hostPorts));
            case OWN -> Optional.empty();
        };
    }

    /** The policy of {@link NetPolicy#hostPorts}. */
    record HostPorts(Set<Integer> allowed) implements NetPolicy {
        @Override
        public boolean allows(NetFlow flow) {
            return flow.target().getAddress().isLoopbackAddress()
                    && allowed.contains(flow.target().getPort());
        }
    }
}
