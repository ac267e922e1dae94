package dev.microvm.devices.virtio;

/**
 * A driver broke the rules of a queue or a device's protocol so that the device cannot go on. The
 * transport catches it and sets DEVICE_NEEDS_RESET: VIRTIO 1.2, 2.1.2. It carries no stack trace,
 * since a guest can cause it at will.
 */
public final class VirtqueueException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes the exception.
     *
     * @param message what the driver did, with the section that forbids it
     */
    public VirtqueueException(String message) {
        super(message, null, /* enableSuppression= */ false, /* writableStackTrace= */ false);
    }

    /**
     * Makes the exception for one queue.
     *
     * @param queue its number
     * @param what the driver did, with the section that forbids it
     */
    VirtqueueException(int queue, String what) {
        this("queue %d: %s".formatted(queue, what));
    }
}
