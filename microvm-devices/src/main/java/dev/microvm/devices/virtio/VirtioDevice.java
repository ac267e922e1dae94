package dev.microvm.devices.virtio;

import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;

/**
 * A virtio device without its transport: what it is, its configuration space, and what it does with
 * the buffers of its queues. Write one of your own and give the machine its {@link
 * VirtioDeviceFactory}.
 *
 * <p><b>Threads.</b> The transport calls one thing at a time, and so does the {@link
 * VirtioTransport#loop() loop} that it hands out: no two methods of a device, and none of its
 * tasks, timers and signals, ever run at the same time. So a device needs no lock of its own.
 * {@link #queueNotified} (but see {@link #notifiedByVcpu}) and whatever the loop runs are on the
 * machine's I/O thread; {@link #writeConfig}, {@link #activate} and {@link #reset} are on the vCPU
 * that asks, which waits meanwhile. Nothing may block for long. A host thread that wants something
 * of a device hands it to the loop.
 *
 * <p><b>Errors.</b> A request that is merely wrong is answered with the status its specification
 * names. What breaks the protocol itself throws {@link VirtqueueException}, which the queues do by
 * themselves; the device then needs a reset, and its queues yield nothing until the driver has done
 * it. Any other exception does the same and is logged as the defect it is.
 */
public interface VirtioDevice extends Stateful, AutoCloseable {
    /** The kind of device: VIRTIO 1.2, section 5. */
    int deviceId();

    /** What a user reads of it, for example {@code "virtio-rng"}. */
    String name();

    /**
     * The feature bits of this kind of device that it offers, always the same: bits 0 to 23 and 50
     * to 63 (section 2.2). The transport adds those of {@link VirtioFeatures}.
     */
    default long features() {
        return 0;
    }

    /**
     * Whether the device can work with the features that the driver chose, a subset of what was
     * offered: bits that depend on each other, say (section 2.2.2).
     *
     * @param chosen those of {@link VirtioFeatures} included
     */
    default boolean accepts(long chosen) {
        return true;
    }

    /**
     * The configuration space as the driver reads it, always the same object; what lies beyond its
     * end reads as 0.
     */
    default VirtioConfigSpace config() {
        return VirtioConfigSpace.NONE;
    }

    /**
     * Writes the configuration space. Most of it is not writable; what is not ignores it.
     *
     * @param offset {@code [offset, offset + size)} lies inside {@link #config}
     * @param size bytes: 1, 2, 4 or 8
     * @param value in the low {@code size} bytes; higher bytes are zero
     */
    default void writeConfig(int offset, int size, long value) {}

    /**
     * The driver is ready (DRIVER_OK): from now until {@link #reset} the queues that it has set up
     * yield its buffers. Each of them is notified once by itself, so nothing that waits already is
     * missed.
     *
     * @param features that were negotiated, those of {@link VirtioFeatures} included
     */
    default void activate(long features) {}

    /**
     * Whether the vCPU that notifies a queue runs {@link #queueNotified} itself and waits for it,
     * always the same. For a device whose requests take less time than the way to another thread:
     * with KVM each notification then is an exit.
     */
    default boolean notifiedByVcpu() {
        return false;
    }

    /**
     * The driver has made buffers available in a queue, or seemed to.
     *
     * @param queue its number, in the order of {@link VirtioTransport#addQueue}
     */
    void queueNotified(int queue);

    /**
     * Forgets the driver, at any moment, with requests in flight, and also when it was never
     * active. When this returns, nothing of the device touches guest memory any more: what another
     * thread does there is waited for, but not for long, because a vCPU waits (see {@link
     * #resetting}). Buffers that were not completed are the driver's again; completing one later
     * does nothing.
     */
    void reset();

    /**
     * Returns whether the last {@link #reset} is not complete, because the host has not answered
     * one of the device's threads, which may still touch guest memory. The driver then reads a
     * status other than 0 and cannot use the device, until this returns false. Asked when the
     * driver accesses the status.
     */
    default boolean resetting() {
        return false;
    }

    /**
     * Makes the device stand still while its machine is paused. Only a device that works on threads
     * of its own has something to do: it completes what they serve, or stops them so that they
     * continue after {@link #resume}. When this returns, none of them touches guest memory. It must
     * be bounded in time, whatever the driver has asked for. Everything else of the device is held
     * by its transport: its loop runs nothing, and what the host sends waits.
     *
     * @throws dev.microvm.error.MicroVmException if the host does not answer in time; {@code
     *     resume} follows
     */
    default void pause() {}

    /** Continues after {@link #pause}. The loop runs again when this returns. */
    default void resume() {}

    /**
     * Its own state, without queues, registers and negotiated features, which are the transport's.
     * Requests in flight need not be saved: their queue yields them again.
     */
    @Override
    DeviceState save();

    /**
     * Puts back its own state, in a new device, after {@link #activate} if the driver was ready.
     */
    @Override
    void restore(DeviceState state);

    /**
     * Frees what the device has of the host, once, when its machine ends and nothing runs any more.
     */
    @Override
    default void close() {}
}
