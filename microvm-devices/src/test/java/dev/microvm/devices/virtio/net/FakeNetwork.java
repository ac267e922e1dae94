package dev.microvm.devices.virtio.net;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.NetOffload;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;

/** A network that keeps what the guest sends, and gives it what a test says. */
final class FakeNetwork implements NetBackend {
    private final boolean header;
    private final List<byte[]> sent = new ArrayList<>();
    private final Queue<byte[]> frames = new ArrayDeque<>();
    private Set<NetOffload> guestOffloads = EnumSet.noneOf(NetOffload.class);
    private Runnable ready = () -> {};
    private int room = Integer.MAX_VALUE;
    private boolean open;

    FakeNetwork(boolean header) {
        this.header = header;
    }

    /** What the guest has sent. */
    List<byte[]> sent() {
        return sent;
    }

    /** Has a frame for the guest. */
    void give(byte[] frame) {
        frames.add(frame);
        ready.run();
    }

    /** Forgets the frames that wait. */
    void clear() {
        frames.clear();
    }

    /** How many frames wait. */
    int waiting() {
        return frames.size();
    }

    /** Takes only so many frames more. */
    void room(int count) {
        room = count;
        ready.run();
    }

    boolean isOpen() {
        return open;
    }

    Set<NetOffload> guestOffloads() {
        return guestOffloads;
    }

    @Override
    public void start(String name, Runnable newReady) {
        open = true;
        ready = newReady;
    }

    @Override
    public boolean send(MemorySegment segment, long offset, long length) {
        if (room == 0) return false;
        room--;
        sent.add(segment.asSlice(offset, length).toArray(JAVA_BYTE));
        return true;
    }

    @Override
    public int receive(MemorySegment segment, long offset, int capacity) {
        byte[] frame = frames.poll();
        if (frame == null) return NO_FRAME;
        int length = Math.min(capacity, frame.length);
        MemorySegment.copy(frame, 0, segment, JAVA_BYTE, offset, length);
        return length;
    }

    @Override
    public boolean vnetHeader() {
        return header;
    }

    @Override
    public Set<NetOffload> offloads() {
        return header ? EnumSet.of(NetOffload.CHECKSUM, NetOffload.TSO4) : EnumSet.noneOf(NetOffload.class);
    }

    @Override
    public void guestOffloads(Set<NetOffload> accepted) {
        guestOffloads = EnumSet.copyOf(accepted);
    }

    @Override
    public int mtu() {
        return 1400;
    }

    @Override
    public void close() {
        open = false;
    }
}
