package dev.microvm.model;

import dev.microvm.devices.virtio.balloon.VirtioBalloonOptions;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.devices.virtio.fs.VirtioFsOptions;
import dev.microvm.devices.virtio.net.VirtioNetOptions;
import dev.microvm.devices.virtio.vsock.VirtioVsockOptions;
import dev.microvm.limits.RateLimit;
import java.util.List;
import java.util.Objects;

/** A virtio device that a user adds; its index in the list of all is its slot. */
public sealed interface VirtioDeviceSpec {
    /** Returns its name, as users read it. */
    String name();

    /** Whether part of it is code, which a description does not hold. */
    default boolean isCode() {
        return false;
    }

    /** A disk. */
    record Blk(VirtioBlkOptions disk) implements VirtioDeviceSpec {
        /** Refuses null. */
        public Blk {
            Objects.requireNonNull(disk, "virtioBlk: null; give VirtioBlkOptions.of(image)");
        }

        @Override
        public String name() {
            return "virtio-blk " + disk;
        }
    }

    /**
     * A network device.
     *
     * @param options its Ethernet address and limits
     */
    record Net(NetSpec network, VirtioNetOptions options) implements VirtioDeviceSpec {
        /** Refuses null. */
        public Net {
            Objects.requireNonNull(network, "network");
            Objects.requireNonNull(options, "options");
        }

        @Override
        public String name() {
            return "virtio-net";
        }

        @Override
        public boolean isCode() {
            return network.isCode();
        }
    }

    /**
     * A source of entropy.
     *
     * @param ofHost whether the host supplies the random bytes; otherwise code does
     * @param limit how many bytes and requests in a second; null, in snapshots without it, for none
     */
    record Rng(boolean ofHost, RateLimit limit) implements VirtioDeviceSpec {
        /** Replaces a missing limit. */
        public Rng {
            limit = Objects.requireNonNullElse(limit, RateLimit.NONE);
        }

        /** One without a limit. */
        public Rng(boolean ofHost) {
            this(ofHost, RateLimit.NONE);
        }

        @Override
        public String name() {
            return "virtio-rng";
        }

        @Override
        public boolean isCode() {
            return !ofHost;
        }
    }

    /**
     * A console and named ports.
     *
     * @param ports the names of the ports
     */
    record Console(List<String> ports) implements VirtioDeviceSpec {
        /** Copies the list. */
        public Console {
            Objects.requireNonNull(ports, "ports");
            ports = List.copyOf(ports);
        }

        @Override
        public String name() {
            return "virtio-console";
        }
    }

    /** A socket device. */
    record Vsock(VirtioVsockOptions vsock) implements VirtioDeviceSpec {
        /** Refuses null. */
        public Vsock {
            Objects.requireNonNull(vsock, "vsock");
        }

        @Override
        public String name() {
            return "virtio-vsock " + vsock;
        }
    }

    /** A shared directory. */
    record Fs(VirtioFsOptions share) implements VirtioDeviceSpec {
        /** Refuses null. */
        public Fs {
            Objects.requireNonNull(share, "virtioFs: null; give VirtioFsOptions.of(tag, SharedDirectory.of(path))");
        }

        @Override
        public String name() {
            return "virtio-fs " + share;
        }
    }

    /** A memory balloon. */
    record Balloon(VirtioBalloonOptions balloon) implements VirtioDeviceSpec {
        /** Refuses null. */
        public Balloon {
            Objects.requireNonNull(balloon, "balloon");
        }

        @Override
        public String name() {
            return "virtio-balloon " + balloon;
        }
    }

    /** A user's own device; a description holds its slot and its name, but not its code. */
    record Own(String name) implements VirtioDeviceSpec {
        /** Refuses null. */
        public Own {
            Objects.requireNonNull(name, "name");
        }

        @Override
        public boolean isCode() {
            return true;
        }
    }
}
