package dev.microvm.devices.virtio.vsock;

import static dev.microvm.devices.virtio.vsock.VsockProtocol.*;
import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.testing.DriverQueue;
import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * The guest's half of a socket device, for tests: sends packets, and has buffers for those of the
 * device. For one thread.
 */
public final class GuestSockets {
    static final long CID = 42;

    /** Payload bytes of a buffer, as with Linux. */
    static final int PIECE = 4096;

    /** What the guest says it has room for. */
    static final int SPACE = 10_000;

    /** A packet of the device's. */
    record Packet(
            long source,
            long destination,
            int hostPort,
            int guestPort,
            int type,
            int op,
            int flags,
            int space,
            int forwarded,
            String data) {}

    private final VsockHost host = new VsockHost();
    private final VirtioDriver driver;
    private final Deque<Buffer> receiving = new ArrayDeque<>(); // in the order that the device uses them
    private Buffer sending = new Buffer(0, 0, false);

    /** Makes a guest whose driver does not run yet. */
    public GuestSockets() {
        driver = new VirtioDriver(this::device);
    }

    private GuestSockets(GuestSockets before) {
        driver = before.driver.continued(this::device);
        receiving.addAll(before.receiving);
        sending = before.sending;
    }

    private VirtioVsock device(VirtioTransport transport) {
        return new VirtioVsock(transport, CID, host);
    }

    /** This guest in another machine that continues from its state, in the same memory. */
    GuestSockets continued() {
        return new GuestSockets(this);
    }

    /** Starts the driver, with some buffers for packets. */
    public GuestSockets start(int buffers) {
        driver.start();
        receiving.clear();
        addBuffers(buffers);
        sending = driver.readable(new byte[HEADER_SIZE + (1 << 18)]);
        return this;
    }

    VsockHost host() {
        return host;
    }

    VirtioDriver driver() {
        return driver;
    }

    void addBuffers(int count) {
        for (int i = 0; i < count; i++) addBuffer(HEADER_SIZE + PIECE);
        driver.notify(RX);
    }

    void addBuffer(int length) {
        Buffer buffer = driver.writable(length);
        receiving.add(buffer);
        driver.queue(RX).add(buffer);
    }

    /**
     * The packets that the device has sent since this was last asked; their buffers are the
     * device's again.
     */
    List<Packet> packets() {
        driver.loop().run();
        List<Packet> packets = new ArrayList<>();
        DriverQueue queue = driver.queue(RX);
        for (DriverQueue.Used used = queue.poll(); used != null; used = queue.poll()) {
            Buffer buffer = receiving.remove();
            if (used.written() > 0) packets.add(parse(driver.content(buffer), (int) used.written()));
            receiving.add(buffer);
            queue.add(buffer);
        }
        driver.notify(RX);
        return packets;
    }

    /** As {@link #packets}, until no more come into the buffers that they leave. */
    List<Packet> allPackets() {
        List<Packet> all = new ArrayList<>();
        for (List<Packet> next = packets(); !next.isEmpty(); next = packets()) all.addAll(next);
        return all;
    }

    /** As {@link #packets}, where there is one. */
    Packet packet() {
        List<Packet> all = packets();
        if (all.size() != 1) throw new AssertionError("one packet expected, were " + all);
        return all.getFirst();
    }

    /** What the packets since then are, in order. */
    List<Integer> ops() {
        return packets().stream().map(Packet::op).toList();
    }

    private static Packet parse(byte[] bytes, int length) {
        ByteBuffer from = ByteBuffer.wrap(bytes, 0, length).order(ByteOrder.LITTLE_ENDIAN);
        int payload = from.getInt(LEN);
        if (length != HEADER_SIZE + payload) throw new AssertionError("%d bytes with %d".formatted(length, payload));
        return new Packet(
                from.getLong(SRC_CID),
                from.getLong(DST_CID),
                from.getInt(SRC_PORT),
                from.getInt(DST_PORT),
                from.getShort(TYPE),
                from.getShort(OP),
                from.getInt(FLAGS),
                from.getInt(BUF_ALLOC),
                from.getInt(FWD_CNT),
                new String(bytes, HEADER_SIZE, payload, US_ASCII));
    }

    /** A header, as a driver should fill it. */
    static ByteBuffer header(int hostPort, int guestPort, int op, int length) {
        return ByteBuffer.allocate(HEADER_SIZE)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(SRC_CID, CID)
                .putLong(DST_CID, HOST_CID)
                .putInt(SRC_PORT, guestPort)
                .putInt(DST_PORT, hostPort)
                .putInt(LEN, length)
                .putShort(TYPE, (short) TYPE_STREAM)
                .putShort(OP, (short) op)
                .putInt(BUF_ALLOC, SPACE);
    }

    /** Sends a packet without data. */
    void send(int hostPort, int guestPort, int op) {
        send(header(hostPort, guestPort, op, 0), new byte[0]);
    }

    void shutdown(int hostPort, int guestPort, int flags) {
        send(header(hostPort, guestPort, OP_SHUTDOWN, 0).putInt(FLAGS, flags), new byte[0]);
    }

    /** Says how many bytes the guest has taken so far, and how many it has room for in all. */
    void credit(int hostPort, int guestPort, int forwarded, int space) {
        ByteBuffer header = header(hostPort, guestPort, OP_CREDIT_UPDATE, 0);
        send(header.putInt(FWD_CNT, forwarded).putInt(BUF_ALLOC, space), new byte[0]);
    }

    void send(int hostPort, int guestPort, String data) {
        send(header(hostPort, guestPort, OP_RW, data.length()), data.getBytes(US_ASCII));
    }

    /** Sends a header and data, in two pieces, and takes them back. */
    void send(ByteBuffer header, byte[] data) {
        queue(header, data);
        driver.notify(TX);
        takeBack();
    }

    /** Sends them without looking whether the device takes them. */
    void queue(ByteBuffer header, byte[] data) {
        byte[] bytes = new byte[header.capacity()];
        header.get(0, bytes);
        driver.memory().write(sending.gpa(), bytes);
        if (data.length == 0) {
            driver.queue(TX).add(Buffer.readable(sending.gpa(), header.capacity()));
            return;
        }
        driver.memory().write(sending.gpa() + header.capacity(), data);
        driver.queue(TX)
                .add(
                        Buffer.readable(sending.gpa(), header.capacity()),
                        Buffer.readable(sending.gpa() + header.capacity(), data.length));
    }

    /** Takes back what the device has taken; returns how much that is. */
    int takeBack() {
        int count = 0;
        while (driver.queue(TX).poll() != null) count++;
        return count;
    }

    /** A connection to a port of the guest's that it has accepted. */
    public VsockChannel connected(int guestPort) throws IOException {
        VsockChannel channel = host.request(guestPort);
        Packet request = packet();
        send(request.hostPort(), guestPort, OP_RESPONSE);
        return channel;
    }

    /** What there is to read, at once. */
    static String read(VsockChannel from) throws IOException {
        ByteBuffer to = ByteBuffer.allocate(1 << 20);
        int length = from.read(to);
        return length < 0 ? "end" : new String(to.array(), 0, length, US_ASCII);
    }

    static void write(VsockChannel to, String text) throws IOException {
        to.write(ByteBuffer.wrap(text.getBytes(US_ASCII)));
    }
}
