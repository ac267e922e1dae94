package dev.microvm.sandbox.root;

/** Is told how far the layers of an image are. Several threads call it, so it must be quick. */
@FunctionalInterface
public interface PullProgress {
    /**
     * Some bytes of a layer are there; all, if both numbers are equal.
     *
     * @param digest which layer
     * @param bytes how many are there
     * @param size how many it has
     */
    void progress(String digest, long bytes, long size);
}
