package dev.microvm.devices.virtio.balloon;

import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.GuestBuffer;
import java.util.OptionalInt;

/**
 * The requests for free memory, and what the driver says of them: VIRTIO 1.2, section 5.5.6.5. The
 * driver sends the number of a request, then free memory, and then {@link FreePageHints#NONE}. It
 * holds that memory until it is released.
 *
 * <p>For the machine's loop; any thread may call {@link #status}.
 */
final class HintingRequests {
    private static final int NUMBER_SIZE = Integer.BYTES; // of a request, le32

    private boolean releases; // as soon as the driver has named everything
    private int last; // number of a request
    private volatile FreePageHints status = new FreePageHints(FreePageHints.NONE, OptionalInt.empty());

    FreePageHints status() {
        return status;
    }

    /**
     * Begins a request.
     *
     * @param release whether to release the memory as soon as the driver has named everything
     * @return its number
     */
    int begin(boolean release) {
        releases = release;
        last = Math.max(last + 1, FreePageHints.RELEASED + 1); // also after the greatest number
        ask(last);
        return last;
    }

    /** Releases the memory that was named. */
    void release() {
        ask(FreePageHints.RELEASED);
    }

    private void ask(int number) {
        status = new FreePageHints(number, status.answered());
    }

    /** Takes the number from a chain that has one, and returns the memory that the chain names. */
    GuestBuffer read(DescriptorChain chain) {
        if (chain.readable().length() == NUMBER_SIZE) {
            status = new FreePageHints(
                    status.asked(), OptionalInt.of(chain.readable().getInt(0)));
        }
        return chain.writable();
    }

    /** Whether memory that comes now belongs to the latest request, and is still free. */
    boolean wanted() {
        int asked = status.asked();
        return asked > FreePageHints.RELEASED && status.answered().equals(OptionalInt.of(asked));
    }

    /** Whether the driver has named everything that was asked for, and it is to be released. */
    boolean toBeReleased() {
        return releases && status.complete() && status.asked() > FreePageHints.RELEASED;
    }

    /** Forgets all but the latest number, which no later request may have. */
    void reset() {
        status = new FreePageHints(FreePageHints.NONE, OptionalInt.empty());
    }

    int lastNumber() {
        return last;
    }

    void restore(int lastNumber) {
        last = lastNumber;
    }
}
