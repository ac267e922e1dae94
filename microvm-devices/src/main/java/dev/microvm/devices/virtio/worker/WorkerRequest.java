package dev.microvm.devices.virtio.worker;

import org.jspecify.annotations.Nullable;

/**
 * A request that a {@link RequestWorker} serves. It is a link of the list that it is in, so that
 * handing it over allocates nothing.
 *
 * @param <R> the request's own type
 */
public abstract class WorkerRequest<R extends WorkerRequest<R>> {
    /** The next one of the list that it is in. */
    public @Nullable R next;
}
