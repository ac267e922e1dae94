package dev.microvm.backend.net;

import java.lang.foreign.MemorySegment;
import java.util.Set;

/**
 * Puts an empty vnet header before the frames of a network that has none, so that it fits to one
 * that has.
 */
final class HeaderlessToVnet implements NetBackend {
    private final NetBackend plain;

    HeaderlessToVnet(NetBackend plain) {
        this.plain = plain;
    }

    @Override
    public void start(String name, Runnable ready) {
        plain.start(name, ready);
    }

    @Override
    public boolean send(MemorySegment segment, long offset, long length) {
        return plain.send(segment, offset + VnetHeader.SIZE, length - VnetHeader.SIZE);
    }

    @Override
    public int receive(MemorySegment segment, long offset, int capacity) {
        segment.asSlice(offset, VnetHeader.SIZE).fill((byte) 0);
        int length = plain.receive(segment, offset + VnetHeader.SIZE, capacity - VnetHeader.SIZE);
        return length == NO_FRAME ? NO_FRAME : length + VnetHeader.SIZE;
    }

    @Override
    public boolean vnetHeader() {
        return true;
    }

    @Override
    public Set<NetOffload> offloads() {
        return plain.offloads();
    }

    @Override
    public void guestOffloads(Set<NetOffload> accepted) {
        plain.guestOffloads(accepted);
    }

    @Override
    public int mtu() {
        return plain.mtu();
    }

    @Override
    public void close() {
        plain.close();
    }
}
