package dev.microvm.devices.virtio.net;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.NetOffload;
import dev.microvm.backend.net.VnetHeader;
import dev.microvm.devices.virtio.ChainHandler;
import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.GuestBuffer;
import dev.microvm.devices.virtio.VirtioConfigSpace;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioFeatures;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.event.Signal;
import dev.microvm.limits.RateLimit;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;

/**
 * A network device: VIRTIO 1.2, section 5.1, with one pair of queues and a control queue, on a
 * {@link NetBackend}.
 *
 * <p>A frame of the guest's goes to the back end where it lies if it lies in one piece, else it is
 * put together first. What the back end refuses stays in the queue, so the guest feels its pace;
 * what it has for the guest stays there until the guest has buffers. What each side may leave to
 * the other is what the back end can and the driver takes.
 *
 * <p>{@link #linkUp} is for any thread; for the rest see {@link VirtioDevice}.
 */
public final class VirtioNet implements VirtioDevice {
    /** The device's number: section 5.1.1. */
    public static final int DEVICE_ID = 1;

    private static final int RECEIVE = 0; // queues: section 5.1.2
    private static final int TRANSMIT = 1;
    private static final int QUEUE_SIZE = 256; // as QEMU's
    private static final int CONTROL_QUEUE_SIZE = 64;

    // struct virtio_net_config: section 5.1.4. Offsets in bytes.
    private static final int CONFIG_STATUS = 6; // le16; the MAC comes before it
    private static final int CONFIG_PAIRS = 8; // le16
    private static final int CONFIG_MTU = 10; // le16
    private static final int CONFIG_SIZE = 12;
    private static final int STATUS_LINK_UP = 1;

    private static final int SHORT_HEADER = VnetHeader.NUM_BUFFERS; // of legacy devices without MRG_RXBUF: 5.1.6.1
    private static final int MIN_FRAME = 14; // an Ethernet header

    private static final ValueLayout.OfInt BE_INT = JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfShort BE_SHORT = JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private static final String STATE_TYPE = "virtio-net";
    private static final int STATE_VERSION = 1;
    private static final String NETWORK = "network"; // only of one with a state

    private final VirtioTransport transport;
    private final NetBackend backend;
    private final Virtqueue receiveQueue;
    private final Virtqueue transmitQueue;
    private final Virtqueue controlQueue;
    private final ChainHandler transmit = this::transmit; // made once: a frame allocates nothing
    private final ChainHandler control = this::control;
    private final Signal ready;
    private final NetThrottle fromGuest;
    private final NetThrottle toGuest;
    private final Arena arena = Arena.ofShared(); // the loop's thread uses it, another closes it
    private final MemorySegment outgoing = arena.allocate(VnetHeader.MAX_FRAME);
    private final MemorySegment incoming = arena.allocate(VnetHeader.MAX_FRAME); // with a header, always
    private final DescriptorChain[] taken = new DescriptorChain[QUEUE_SIZE]; // for one frame
    private final ReceiveFilter filter = new ReceiveFilter();
    private final NetControl commands = new NetControl(filter, this::mac);
    private final long permanentMac;
    private final int backendHeader;

    private final VirtioConfigSpace config = new VirtioConfigSpace(CONFIG_SIZE);
    private long mac;
    private boolean linkUp;
    private Set<NetOffload> guestOffloads = EnumSet.noneOf(NetOffload.class);
    private boolean merges;
    private int headerSize = VnetHeader.SIZE;
    private int waiting; // bytes of the frame in incoming, 0 if there is none
    private boolean active;

    /**
     * Makes a device and opens its network, which {@link #close} closes.
     *
     * @param name of the machine, for the network's threads
     * @param address of the guest's
     * @throws dev.microvm.error.MicroVmException if the network cannot be opened, with reason and
     *     remedy
     */
    public VirtioNet(VirtioTransport transport, NetBackend backend, String name, MacAddress address) {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(address, "address");
        this.transport = Objects.requireNonNull(transport, "transport");
        this.backend = Objects.requireNonNull(backend, "backend");
        permanentMac = address.value();
        mac(permanentMac);
        link(true);
        receiveQueue = transport.addQueue(QUEUE_SIZE);
        transmitQueue = transport.addQueue(QUEUE_SIZE);
        controlQueue = transport.addQueue(CONTROL_QUEUE_SIZE);
        ready = transport.loop().signal(this::backendReady);
        fromGuest = new NetThrottle(transport.loop(), RateLimit.NONE, this::transmit);
        toGuest = new NetThrottle(transport.loop(), RateLimit.NONE, this::receive);
        try {
            backend.start(name, ready::raise);
        } catch (RuntimeException e) {
            ready.close();
            arena.close();
            throw e;
        }
        backendHeader = backend.vnetHeader() ? VnetHeader.SIZE : 0;
        config.putShort(CONFIG_PAIRS, 1).putShort(CONFIG_MTU, backend.mtu());
    }

    /**
     * Plugs the cable in or out, which the driver is told; while it is out, nothing comes and what
     * goes is lost.
     */
    public void linkUp(boolean up) {
        transport.loop().execute(() -> {
            if (linkUp == up) return;
            link(up);
            transport.configChanged();
            backendReady();
        });
    }

    /**
     * Changes how much the guest may send and receive: {@link VirtioNetOptions}. Initially there is
     * no limit.
     */
    public void rateLimits(RateLimit newFromGuest, RateLimit newToGuest) {
        Objects.requireNonNull(newFromGuest, "fromGuest");
        Objects.requireNonNull(newToGuest, "toGuest");
        transport.loop().execute(() -> {
            fromGuest.limit(newFromGuest);
            toGuest.limit(newToGuest);
            backendReady();
        });
    }

    @Override
    public int deviceId() {
        return DEVICE_ID;
    }

    @Override
    public String name() {
        return "virtio-net";
    }

    @Override
    public long features() {
        return NetFeatures.of(backend.offloads());
    }

    @Override
    public boolean accepts(long chosen) {
        return NetFeatures.consistent(chosen);
    }

    // ---- configuration space

    @Override
    public VirtioConfigSpace config() {
        return config;
    }

    /** Legacy drivers write their address: section 5.1.4.3. */
    @Override
    public void writeConfig(int offset, int size, long value) {
        long written = mac;
        for (int i = 0; i < size && offset + i < MacAddress.SIZE; i++) {
            int shift = macShift(offset + i);
            written = (written & ~(0xffL << shift)) | (((value >>> (i * Byte.SIZE)) & 0xff) << shift);
        }
        mac(written);
    }

    private void mac(long address) {
        mac = address;
        for (int i = 0; i < MacAddress.SIZE; i++) config.putByte(i, (int) (address >>> macShift(i)));
    }

    private void link(boolean up) {
        linkUp = up;
        config.putShort(CONFIG_STATUS, up ? STATUS_LINK_UP : 0);
    }

    private static int macShift(int index) {
        return Byte.SIZE * (MacAddress.SIZE - 1 - index);
    }

    // ---- life

    @Override
    public void activate(long features) {
        merges = (features & NetFeatures.MRG_RXBUF) != 0;
        headerSize = merges || (features & VirtioFeatures.VERSION_1) != 0 ? VnetHeader.SIZE : SHORT_HEADER;
        guestOffloads = NetFeatures.guestOffloads(features);
        backend.guestOffloads(guestOffloads);
        active = true;
    }

    @Override
    public void reset() {
        active = false;
        waiting = 0;
        fromGuest.next();
        toGuest.next();
        mac(permanentMac);
        filter.reset();
        guestOffloads = EnumSet.noneOf(NetOffload.class);
        backend.guestOffloads(guestOffloads);
    }

    @Override
    public void close() {
        fromGuest.stop();
        toGuest.stop();
        try {
            backend.close();
        } finally {
            ready.close();
            arena.close();
        }
    }

    @Override
    public void queueNotified(int queue) {
        switch (queue) {
            case RECEIVE -> receive();
            case TRANSMIT -> transmit();
            default -> controlQueue.drain(control);
        }
    }

    private void backendReady() {
        transmit();
        receive();
    }

    // ---- from the guest

    private void transmit() {
        if (active) transmitQueue.drain(transmit);
    }

    /**
     * Sends a frame; returns false if the limit or the back end has no room for it. Section
     * 5.1.6.2.
     */
    private boolean transmit(DescriptorChain chain) {
        GuestBuffer frame = chain.readable();
        long length = frame.length() - headerSize; // without the header
        boolean sendable = linkUp && length >= MIN_FRAME && length <= VnetHeader.MAX_FRAME - VnetHeader.SIZE;
        if (sendable && !(fromGuest.admits(length) && send(frame, length))) return false;
        fromGuest.next();
        transmitQueue.complete(chain, 0);
        return true;
    }

    private boolean send(GuestBuffer frame, long length) {
        boolean whole = backendHeader == 0 || backendHeader == headerSize;
        if (whole && frame.pieces() == 1) {
            int skip = headerSize - backendHeader;
            return backend.send(frame.segment(0), frame.offset(0) + skip, frame.length(0) - skip);
        }
        if (backendHeader == 0 && frame.pieces() == 2 && frame.length(0) == headerSize) {
            return backend.send(frame.segment(1), frame.offset(1), frame.length(1));
        }
        if (backendHeader != 0) {
            outgoing.asSlice(0, VnetHeader.SIZE).fill((byte) 0);
            frame.copyTo(0, outgoing, 0, headerSize);
        }
        frame.copyTo(headerSize, outgoing, backendHeader, length);
        return backend.send(outgoing, 0, backendHeader + length);
    }

    // ---- to the guest

    /**
     * Gives the guest the frames that wait for it, as long as it has buffers, and lets others have
     * their turn.
     */
    private void receive() {
        if (!active) return;
        receiveQueue.suppressNotifications();
        boolean more = true;
        for (int left = QUEUE_SIZE; more && left > 0; left--) {
            if (waiting == 0) more = takeFromBackend();
            if (waiting == 0) continue;
            if (!toGuest.admits(waiting - VnetHeader.SIZE) || !(deliver() || deliverLater())) break;
            toGuest.next();
        }
        receiveQueue.notifyDriver();
        if (waiting == 0 && more) ready.raise();
    }

    /** There were no buffers: asks for a notification, and looks once more. */
    private boolean deliverLater() {
        return receiveQueue.wantNotifications() && deliver();
    }

    /** Takes the next frame; returns whether there was one, wanted or not. */
    private boolean takeFromBackend() {
        int header = VnetHeader.SIZE - backendHeader; // to be made here
        int length = backend.receive(incoming, header, VnetHeader.MAX_FRAME - header);
        if (length == NetBackend.NO_FRAME) return false;
        if (header != 0) incoming.asSlice(0, VnetHeader.SIZE).fill((byte) 0);
        int total = header + length;
        if (total >= VnetHeader.SIZE + MIN_FRAME && linkUp && isWanted()) waiting = total;
        return true;
    }

    /** Whether the driver takes such a frame: to this address, and with this work left to do. */
    private boolean isWanted() {
        int flags = incoming.get(JAVA_BYTE, VnetHeader.FLAGS);
        int gso = incoming.get(JAVA_BYTE, VnetHeader.GSO_TYPE) & 0xff;
        boolean checksums = guestOffloads.contains(NetOffload.CHECKSUM);
        if (!checksums) {
            if ((flags & VnetHeader.F_NEEDS_CSUM) != 0) return false;
            incoming.set(JAVA_BYTE, VnetHeader.FLAGS, (byte) 0); // DATA_VALID is for who negotiated: 5.1.6.4.1
        }
        boolean segments = switch (gso & ~VnetHeader.GSO_ECN) {
            case VnetHeader.GSO_NONE -> true;
            case VnetHeader.GSO_TCPV4 -> guestOffloads.contains(NetOffload.TSO4);
            case VnetHeader.GSO_TCPV6 -> guestOffloads.contains(NetOffload.TSO6);
            default -> false;
        };
        long destination = (Integer.toUnsignedLong(incoming.get(BE_INT, VnetHeader.SIZE)) << Short.SIZE)
                | Short.toUnsignedInt(incoming.get(BE_SHORT, VnetHeader.SIZE + (long) Integer.BYTES));
        return segments && filter.accepts(destination, mac);
    }

    /**
     * Puts the waiting frame into the driver's buffers: section 5.1.6.4. Returns false if there are
     * too few.
     */
    private boolean deliver() {
        int most = merges ? QUEUE_SIZE : 1;
        long needed = headerSize + (long) waiting - VnetHeader.SIZE;
        long room = 0;
        int count = 0;
        while (room < needed && count < most) {
            DescriptorChain chain = receiveQueue.pop();
            if (chain == null) {
                putBack(count);
                return false;
            }
            taken[count++] = chain;
            room += chain.writable().length();
        }
        if (room < needed || taken[0].writable().length() < headerSize) {
            giveBack(count); // buffers that no frame fits into: the frame is lost, as on a wire
        } else {
            fill(count, needed);
        }
        waiting = 0;
        return true;
    }

    private void fill(int count, long needed) {
        incoming.set(VnetHeader.LE_SHORT, VnetHeader.NUM_BUFFERS, (short) count);
        GuestBuffer first = taken[0].writable();
        first.copyFrom(0, incoming, 0, headerSize);
        long done = headerSize; // of what the guest sees
        for (int i = 0; i < count; i++) {
            GuestBuffer to = taken[i].writable();
            long at = i == 0 ? headerSize : 0;
            long length = Math.min(needed - done, to.length() - at);
            to.copyFrom(at, incoming, VnetHeader.SIZE + done - headerSize, length);
            done += length;
            receiveQueue.stage(taken[i], at + length);
        }
        receiveQueue.publish(); // all at once: the driver counts on the rest of a frame being there
    }

    private void putBack(int count) {
        for (int i = count - 1; i >= 0; i--) receiveQueue.putBack(taken[i]);
    }

    private void giveBack(int count) {
        for (int i = 0; i < count; i++) receiveQueue.stage(taken[i], 0);
        receiveQueue.publish();
    }

    // ---- control

    private boolean control(DescriptorChain chain) {
        boolean answerable = chain.writable().length() > 0;
        if (answerable) chain.writable().putByte(0, commands.obey(chain.readable()));
        controlQueue.complete(chain, answerable ? 1 : 0);
        return true;
    }

    // ---- state

    /**
     * Frames on their way and the network's connections are not part of it: a network may lose what
     * it carries.
     */
    @Override
    public DeviceState save() {
        DeviceState state =
                new DeviceState(STATE_TYPE, STATE_VERSION).put("mac", mac).put("linkUp", linkUp);
        filter.save(state);
        if (backend instanceof Stateful network)
            state.put(NETWORK, network.save().encode());
        return state;
    }

    @Override
    public void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
        mac(state.number("mac") & ((1L << (Byte.SIZE * MacAddress.SIZE)) - 1));
        link(state.flag("linkUp"));
        filter.restore(state);
        if (backend instanceof Stateful network && state.fields().contains(NETWORK)) {
            network.restore(DeviceState.decode(state.bytes(NETWORK)));
        }
    }
}
