package dev.microvm.backend.net;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * An Ethernet switch inside of this process, with nothing behind it: the machines at its ports reach
 * each other and nobody else.
 *
 * <pre>{@code
 * LocalNetwork network = new LocalNetwork();
 * MicroVm.builder().virtioNet(network.port())...
 * MicroVm.builder().virtioNet(network.port())...
 * }</pre>
 *
 * <p>It learns behind which port an address is (IEEE 802.1D, 7.8) and sends frames to unknown
 * addresses and to groups to all other ports. A port whose guest does not receive keeps {@value
 * #PORT_FRAMES} frames and drops further ones, as a switch does. There is no DHCP. Any thread may
 * call.
 */
public final class LocalNetwork {
    private static final int PORT_FRAMES = 256;
    private static final int MAX_ADDRESSES = 4096; // of all ports; a guest may invent any number
    private static final int ADDRESS_BYTES = 6;
    private static final int SOURCE = ADDRESS_BYTES; // offset in a frame, behind the destination
    private static final int HEADER = 14; // addresses and type
    private static final int VLAN_TAG = 4; // IEEE 802.1Q, 9.3
    private static final int MAX_FRAME = HEADER + VLAN_TAG + NetBackend.ETHERNET_MTU;
    private static final int GROUP_BIT = 1; // of the first byte of an address

    private final List<Port> open = new CopyOnWriteArrayList<>();
    private final Map<Long, Port> learned = new HashMap<>(); // guarded by itself

    /** Makes a network without ports. */
    public LocalNetwork() {}

    /** Returns a new port, for one network device. */
    public NetBackend port() {
        return new Port();
    }

    private void forward(byte[] frame, Port from) {
        Port to;
        synchronized (learned) {
            learn(frame, from);
            to = (frame[0] & GROUP_BIT) == 0 ? learned.get(address(frame, 0)) : null;
        }
        if (to != null) {
            if (to != from) to.deliver(frame);
            return;
        }
        for (Port each : open) {
            if (each != from) each.deliver(frame);
        }
    }

    /** The caller holds the lock of {@code learned}. */
    private void learn(byte[] frame, Port from) {
        if ((frame[SOURCE] & GROUP_BIT) != 0) return; // no station has such an address
        long source = address(frame, SOURCE);
        if (learned.size() < MAX_ADDRESSES || learned.containsKey(source)) learned.put(source, from);
    }

    private static long address(byte[] frame, int offset) {
        long value = 0;
        for (int i = 0; i < ADDRESS_BYTES; i++) value = value << Byte.SIZE | (frame[offset + i] & 0xff);
        return value;
    }

    private void forget(Port port) {
        open.remove(port);
        synchronized (learned) {
            learned.values().removeIf(each -> each == port);
        }
    }

    @Override
    public String toString() {
        return "local network with %d ports in use".formatted(open.size());
    }

    /** Where a network device is plugged in. */
    private final class Port implements NetBackend {
        private final Queue<byte[]> waiting = new ArrayDeque<>(); // for the guest; guarded by this
        private @Nullable Runnable ready; // null while it is closed; guarded by this

        @Override
        public void start(String name, Runnable onReady) {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(onReady, "ready");
            synchronized (this) {
                if (ready != null) throw new IllegalStateException(this + " is used by a device");
                ready = onReady;
            }
            open.add(this);
        }

        @Override
        public boolean send(MemorySegment segment, long offset, long length) {
            Objects.requireNonNull(segment, "segment");
            if (length < HEADER || length > MAX_FRAME) return true;
            byte[] frame = new byte[(int) length]; // a copy, because the guest may change its own
            MemorySegment.copy(segment, offset, MemorySegment.ofArray(frame), 0, length);
            forward(frame, this);
            return true;
        }

        private void deliver(byte[] frame) {
            Runnable notify;
            synchronized (this) {
                notify = ready;
                if (notify == null || waiting.size() >= PORT_FRAMES) return;
                waiting.add(frame);
            }
            notify.run();
        }

        @Override
        public synchronized int receive(MemorySegment segment, long offset, int capacity) {
            Objects.requireNonNull(segment, "segment");
            byte[] frame = waiting.poll();
            if (frame == null) return NO_FRAME;
            int part = Math.min(frame.length, capacity);
            MemorySegment.copy(MemorySegment.ofArray(frame), 0, segment, offset, part);
            return part;
        }

        @Override
        public void close() {
            forget(this);
            synchronized (this) {
                ready = null;
                waiting.clear();
            }
        }

        @Override
        public String toString() {
            return "port of a local network";
        }
    }
}
