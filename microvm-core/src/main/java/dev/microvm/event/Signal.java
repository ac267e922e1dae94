package dev.microvm.event;

/**
 * Wakes an {@link EventLoop} to run one action; raises that come before it ran count once. Any
 * thread may raise.
 */
public interface Signal extends AutoCloseable {
    /** Asks for the action to run soon. */
    void raise();

    /** Stops listening. The action may be running still; after the loop is closed it is not. */
    @Override
    void close();
}
