package dev.microvm.model;

import dev.microvm.backend.net.MacAddress;
import dev.microvm.devices.virtio.balloon.VirtioBalloonOptions;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.devices.virtio.vsock.VirtioVsockOptions;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

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
     * @param address its Ethernet address; null for one derived from the machine's name
     */
    record Net(NetSpec network, @Nullable MacAddress address) implements VirtioDeviceSpec {
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
     */
    record Rng(boolean ofHost) implements VirtioDeviceSpec {
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
            ports = List.copyOf(ports);
        }

        @Override
        public String name() {
            return "virtio-console";
        }
    }

    /** A socket device. */
    record Vsock(VirtioVsockOptions vsock) implements VirtioDeviceSpec {
        @Override
        public String name() {
            return "virtio-vsock " + vsock;
        }
    }

    /** A memory balloon. */
    record Balloon(VirtioBalloonOptions balloon) implements VirtioDeviceSpec {
        @Override
        public String name() {
            return "virtio-balloon " + balloon;
        }
    }

    /** A user's own device; a description holds its slot and its name, but not its code. */
    record Own(String name) implements VirtioDeviceSpec {
        @Override
        public boolean isCode() {
            return true;
        }
    }
}
