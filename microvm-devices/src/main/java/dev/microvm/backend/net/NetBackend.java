package dev.microvm.backend.net;

import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;

/**
 * Where the frames of one network device go, and where those come from that it receives.
 *
 * <p>A frame is Ethernet without its check sequence, at least 14 bytes. If {@link #vnetHeader} says
 * so, a {@link VnetHeader} comes before each, in both directions, and is part of its length; none
 * is longer than {@link VnetHeader#MAX_FRAME}. Segments may be the guest's own memory, which
 * changes at any time: read each word once.
 *
 * <p>Nothing blocks and nothing is lost silently between device and back end: {@link #send} refuses
 * a frame when there is no room, {@link #receive} is asked when the guest has a buffer; {@code
 * ready} tells that it is worth to try again.
 *
 * <p>{@link #start}, {@link #send}, {@link #receive} and {@link #guestOffloads} are for one thread
 * at a time, the device's; the others for any thread.
 */
public interface NetBackend extends AutoCloseable {
    /** What {@link #receive} returns when no frame waits. */
    int NO_FRAME = 0;

    /** The largest IP packet of Ethernet, in bytes: RFC 894. */
    int ETHERNET_MTU = 1500;

    /**
     * Opens the network for a device; after {@link #close} it may be opened again, for the next.
     *
     * @param name of the machine, for threads and logs
     * @param ready called on any thread when a frame came after {@link #NO_FRAME}, or there is room
     *     after a refused {@link #send}; must not block. It may be called for nothing.
     * @throws IllegalStateException if it is open: it serves one device at a time
     * @throws dev.microvm.error.MicroVmException if the network cannot be opened, with reason and
     *     remedy
     */
    void start(String name, Runnable ready);

    /**
     * Takes a frame of the guest's, whole. One that is no frame is dropped.
     *
     * @param offset of its first byte in {@code segment}
     * @param length in bytes
     * @return false if there is no room for it now; then {@code ready} is called once there is
     */
    boolean send(MemorySegment segment, long offset, long length);

    /**
     * Gives the guest the next frame; what is longer than {@code capacity} is cut off.
     *
     * @param offset in {@code segment}, where the frame goes
     * @param capacity in bytes
     * @return the frame's length in bytes, or {@link #NO_FRAME}; then {@code ready} is called when
     *     there is one
     */
    int receive(MemorySegment segment, long offset, int capacity);

    /**
     * Whether each frame has a {@link VnetHeader}. May be known only after {@link #start}. Default:
     * plain frames.
     */
    default boolean vnetHeader() {
        return false;
    }

    /**
     * What the guest may leave to this network; empty without {@link #vnetHeader}. May be known
     * only after {@link #start}. Default: nothing.
     */
    default Set<NetOffload> offloads() {
        return EnumSet.noneOf(NetOffload.class);
    }

    /**
     * Says what this network may leave to the guest: some of {@link #offloads}; at first nothing.
     * Default: leaves nothing.
     */
    default void guestOffloads(Set<NetOffload> accepted) {
        Objects.requireNonNull(accepted, "accepted");
    }

    /** The largest IP packet it carries, in bytes, 576 to 65,535. Default: {@link #ETHERNET_MTU}. */
    default int mtu() {
        return ETHERNET_MTU;
    }

    /** Closes the network, with everything that it opened. Bounded in time; twice is once. */
    @Override
    void close();
}
