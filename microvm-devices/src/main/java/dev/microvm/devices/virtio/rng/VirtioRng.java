package dev.microvm.devices.virtio.rng;

import dev.microvm.clock.Timers;
import dev.microvm.devices.virtio.ChainHandler;
import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.event.EventLoop;
import dev.microvm.limits.RateLimit;
import dev.microvm.limits.RateLimiter;
import dev.microvm.state.DeviceState;
import java.util.Objects;
import java.util.random.RandomGenerator;

/**
 * An entropy device: VIRTIO 1.2, section 5.4. It fills the buffers of its queue with random bytes.
 *
 * <p>A request gets at most {@link #MOST_BYTES}, which the specification allows (5.4.6.1). This
 * bounds the host's time for a request; a driver that needs more asks again. What is over the rate
 * waits in the queue.
 */
public final class VirtioRng implements VirtioDevice {
    /** Device ID: section 5.4.1. */
    public static final int DEVICE_ID = 4;

    /** Maximum number of bytes for one request. */
    public static final int MOST_BYTES = 4096;

    private static final int QUEUE_SIZE = 64;
    private static final int CHUNK = 64; // bytes that the source is asked for at a time; Linux asks for no more
    private static final String STATE_TYPE = "virtio-rng";
    private static final int STATE_VERSION = 1;

    private final RandomGenerator source;
    private final Virtqueue requests;
    private final EventLoop loop;
    private final RateLimiter limiter;
    private final Timers.Timer timer;
    private final ChainHandler serve = this::serve; // made once: a request allocates nothing
    private final byte[] bytes = new byte[CHUNK];

    /** Makes a device without a limit: see {@link #VirtioRng(VirtioTransport, RandomGenerator, RateLimit)}. */
    public VirtioRng(VirtioTransport transport, RandomGenerator source) {
        this(transport, source, RateLimit.NONE);
    }

    /**
     * Makes a device.
     *
     * @param source source of the bytes: a {@link java.security.SecureRandom}, except for
     *     repeatable runs
     * @param limit how many bytes and requests in a second
     */
    public VirtioRng(VirtioTransport transport, RandomGenerator source, RateLimit limit) {
        Objects.requireNonNull(transport, "transport");
        this.source = Objects.requireNonNull(source, "source");
        requests = transport.addQueue(QUEUE_SIZE);
        loop = transport.loop();
        limiter = new RateLimiter(limit, loop.nanoTime());
        timer = loop.timer(() -> queueNotified(requests.number()));
    }

    @Override
    public int deviceId() {
        return DEVICE_ID;
    }

    @Override
    public String name() {
        return "virtio-rng";
    }

    @Override
    public void queueNotified(int queue) {
        requests.drain(serve);
    }

    private boolean serve(DescriptorChain chain) {
        int length = (int) Math.min(chain.writable().length(), MOST_BYTES);
        if (!admits(length)) return false;
        for (int done = 0; done < length; done += CHUNK) {
            source.nextBytes(bytes);
            chain.writable().copyFrom(done, bytes, 0, Math.min(CHUNK, length - done));
        }
        requests.complete(chain, length);
        return true;
    }

    /** Returns whether a request may be served now; if not, the queue is served again in time. */
    private boolean admits(int bytes) {
        long now = loop.nanoTime();
        long wait = limiter.admit(now, bytes);
        if (wait > 0) timer.armAt(now + wait);
        return wait == 0;
    }

    @Override
    public void reset() {
        timer.cancel();
    }

    @Override
    public DeviceState save() {
        return new DeviceState(STATE_TYPE, STATE_VERSION);
    }

    @Override
    public void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
    }
}
