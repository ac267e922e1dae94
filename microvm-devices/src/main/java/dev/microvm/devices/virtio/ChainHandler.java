package dev.microvm.devices.virtio;

/** Takes the chains of a queue, one after the other: see {@link Virtqueue#drain}. */
@FunctionalInterface
public interface ChainHandler {
    /**
     * Takes a chain: completes it now, or keeps it to complete it later.
     *
     * @return false if the device can take none at present: it stays in the queue, as if it had not
     *     been looked at
     */
    boolean take(DescriptorChain chain);
}
