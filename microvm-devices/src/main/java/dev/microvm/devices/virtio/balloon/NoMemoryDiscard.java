package dev.microvm.devices.virtio.balloon;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Does nothing, for hosts to which a Java program cannot return memory. A balloon then takes memory
 * from the guest without a gain for the host.
 */
final class NoMemoryDiscard implements MemoryDiscard {
    private static final Logger log = LoggerFactory.getLogger(NoMemoryDiscard.class);
    private static final AtomicBoolean SAID = new AtomicBoolean();

    private NoMemoryDiscard() {}

    /** Returns one, and logs once why memory cannot be returned. */
    static MemoryDiscard because(String problem) {
        if (SAID.compareAndSet(false, true)) {
            log.warn(
                    "balloon: memory that guests give back cannot be returned to the host, because {}: guests do"
                            + " without it, the host gains nothing",
                    problem);
        }
        return new NoMemoryDiscard();
    }

    @Override
    public void discard(MemorySegment memory, long offset, long length) {}
}
