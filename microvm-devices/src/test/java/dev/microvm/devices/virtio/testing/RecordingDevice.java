package dev.microvm.devices.virtio.testing;

import dev.microvm.devices.virtio.VirtioConfigSpace;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.state.DeviceState;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * A device that remembers what its transport tells it, and does with its queues what a test says.
 */
public class RecordingDevice implements VirtioDevice {
    public static final int ID = 42;
    public static final long FEATURE_A = 1;
    public static final long FEATURE_B = 1L << 50;

    /** B without A is refused. */
    static final long OFFERED = FEATURE_A | FEATURE_B;

    public final VirtioTransport transport;
    public final List<Virtqueue> queues = new ArrayList<>();
    final List<String> calls = new ArrayList<>();
    public final VirtioConfigSpace config = new VirtioConfigSpace(12);
    public IntConsumer onNotify = queue -> {};
    public Runnable onReset = () -> {};
    public Runnable onPause = () -> {};
    public boolean byVcpu;
    public long value;

    public RecordingDevice(VirtioTransport transport, int... queueSizes) {
        this.transport = transport;
        for (int size : queueSizes) queues.add(transport.addQueue(size));
    }

    public Virtqueue queue() {
        return queues.getFirst();
    }

    /** What was called since this was last asked. */
    public List<String> takeCalls() {
        List<String> taken = List.copyOf(calls);
        calls.clear();
        return taken;
    }

    @Override
    public int deviceId() {
        return ID;
    }

    @Override
    public String name() {
        return "virtio-recording";
    }

    @Override
    public long features() {
        return OFFERED;
    }

    @Override
    public boolean accepts(long chosen) {
        return (chosen & OFFERED) != FEATURE_B;
    }

    @Override
    public VirtioConfigSpace config() {
        return config;
    }

    @Override
    public void writeConfig(int offset, int size, long written) {
        config.write(offset, size, written);
    }

    @Override
    public boolean notifiedByVcpu() {
        return byVcpu;
    }

    @Override
    public void activate(long features) {
        calls.add("activate 0x%x".formatted(features));
    }

    @Override
    public void queueNotified(int queue) {
        calls.add("notified " + queue);
        onNotify.accept(queue);
    }

    @Override
    public void reset() {
        calls.add("reset");
        onReset.run();
    }

    @Override
    public void pause() {
        calls.add("pause");
        onPause.run();
    }

    @Override
    public void resume() {
        calls.add("resume");
    }

    @Override
    public DeviceState save() {
        return new DeviceState("virtio-recording", 1).put("value", value);
    }

    @Override
    public void restore(DeviceState state) {
        value = state.require("virtio-recording", 1).number("value");
        calls.add("restore " + value);
    }

    @Override
    public void close() {
        calls.add("close");
    }
}
