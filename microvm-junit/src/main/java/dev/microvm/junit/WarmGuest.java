package dev.microvm.junit;

import dev.microvm.Fork;
import dev.microvm.error.MicroVmException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A guest that was started once and stands still, so that the machines of many tests continue from
 * it. Any thread may call.
 */
final class WarmGuest implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(WarmGuest.class);

    private final @Nullable GuestVm warm; // null if it cannot be forked

    private WarmGuest(@Nullable GuestVm warm) {
        this.warm = warm;
    }

    /**
     * Starts a guest of the same description, and pauses it when it is ready.
     *
     * @throws MicroVmException if it does not start
     */
    static WarmGuest like(GuestVm description) {
        GuestVm warm = description.another(description.name());
        warm.start();
        warm.sandbox().machine().pause();
        try (Fork tried = warm.sandbox().machine().fork()) {
            log.debug("{}: {}", description, tried);
            return new WarmGuest(warm);
        } catch (MicroVmException e) {
            warm.close();
            log.info("{} boots for each test, because it cannot be forked: {}", description, e.getMessage());
            return new WarmGuest(null);
        }
    }

    /** Starts a guest of the same description: as a fork, or where that cannot be by booting. */
    void start(GuestVm guest) {
        if (warm == null) guest.start();
        else guest.startAsForkOf(warm);
    }

    @Override
    public void close() {
        if (warm != null) warm.close();
    }
}
