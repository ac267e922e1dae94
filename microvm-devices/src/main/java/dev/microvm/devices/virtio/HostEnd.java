package dev.microvm.devices.virtio;

/**
 * The host's end of a virtio device: what a program on the host holds while the machine runs, such
 * as a memory balloon's target or the sockets of a vsock. A machine that is reset makes a new
 * device for each run; its host end stays.
 *
 * <p>The machine calls {@link #open} once, {@link #create} for each run, {@link #end} once when
 * there will be no more run, and {@link #close} last. A host end belongs to one machine. {@code
 * end} may come from any thread; the others come from one thread at a time.
 */
public interface HostEnd extends VirtioDeviceFactory, AutoCloseable {
    /**
     * Opens what others on the host can connect to; the first run follows.
     *
     * @throws dev.microvm.error.MicroVmException if it cannot be opened; the machine then does not
     *     start
     */
    default void open() {}

    /**
     * Makes the device for a run and connects this end to it; the device of the last run is gone.
     */
    @Override
    VirtioDevice create(VirtioTransport transport);

    /**
     * The guest has ended and will not run again: wakes all who wait for it. Runs on a thread apart
     * from the guest's, where every method of the machine works. The report of the end waits for
     * it, for half a second at most.
     */
    default void end() {}

    /** Frees everything. A second call does nothing. */
    @Override
    default void close() {}
}
