package dev.microvm.devices.virtio;

import static dev.microvm.devices.virtio.VirtioFeatures.VERSION_1;
import static dev.microvm.devices.virtio.VirtioMmioRegisters.QUEUE_READY;
import static dev.microvm.devices.virtio.VirtioMmioRegisters.QUEUE_SEL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.devices.virtio.testing.DriverQueue;
import dev.microvm.devices.virtio.testing.RecordingDevice;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.memory.GuestMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * A device that leaves its queue to another process, which here is a few lines on the same memory.
 */
final class QueueLeaseTest {
    private static final int SIZE = 8;

    private final List<LeasingDevice> devices = new ArrayList<>();
    private final VirtioDriver driver = new VirtioDriver(this::make).start(VERSION_1);

    private LeasingDevice make(VirtioTransport transport) {
        LeasingDevice made = new LeasingDevice(transport);
        devices.add(made);
        return made;
    }

    private LeasingDevice device() {
        return devices.getLast();
    }

    private DriverQueue queue() {
        return driver.queue(0);
    }

    /** Does with its queue what a vhost-user device does. */
    private static final class LeasingDevice extends RecordingDevice {
        @Nullable
        OtherProcess process;

        boolean active;
        int revoked;

        LeasingDevice(VirtioTransport transport) {
            super(transport, SIZE, SIZE);
        }

        OtherProcess process() {
            return Objects.requireNonNull(process);
        }

        @Override
        public void activate(long features) {
            super.activate(features);
            active = true;
            if (!transport.pausing()) begin();
        }

        private void begin() {
            OtherProcess made = new OtherProcess(transport.memory());
            process = made;
            made.lease = queue().lease(() -> made.kicks++, () -> {
                revoked++;
                active = false;
                process = null;
            });
            made.next = made.lease.nextAvailable();
        }

        @Override
        public void pause() {
            super.pause();
            if (process != null) process.stop();
            process = null;
        }

        @Override
        public void resume() {
            super.resume();
            if (active) begin();
        }
    }

    /**
     * Completes whatever is available, with nothing written. It knows the queue from its lease
     * alone.
     */
    private static final class OtherProcess {
        private final GuestMemory memory;

        @SuppressWarnings("NullAway.Init")
        private QueueLease lease;

        private int next;
        private int kicks;

        OtherProcess(GuestMemory memory) {
            this.memory = memory;
        }

        int serve() {
            QueuePlace at = lease.place();
            int served = 0;
            for (; next != memory.getShortAcquire(at.available() + 2); next = (next + 1) & 0xffff) {
                int slot = next & (at.size() - 1);
                int head = memory.getShort(at.available() + 4 + 2L * slot);
                memory.putInt(at.used() + 4 + 8L * slot, head); // in order: the used index is the available one
                memory.putInt(at.used() + 8 + 8L * slot, 0);
                memory.putShortRelease(at.used() + 2, (next + 1) & 0xffff);
                served++;
            }
            if (served > 0) lease.call();
            return served;
        }

        void stop() {
            lease.end(next);
        }
    }

    private void add() {
        queue().add(driver.readable((byte) 1));
    }

    @Test
    void tellsTheOtherProcess_whereTheQueueIs() {
        QueuePlace place = device().process().lease.place();

        assertThat(place).isEqualTo(new QueuePlace(SIZE, queue().descriptors(), queue().available(), queue().used()));
        assertThat(device().process().lease.nextAvailable()).isZero();
    }

    @Test
    void kicksTheOtherProcess_insteadOfTheDevice() {
        device().takeCalls();
        device().process().kicks = 0;
        add();
        driver.notify(0);
        driver.notify(1);

        assertThat(device().process().kicks).isEqualTo(1);
        assertThat(device().takeCalls()).as("its other queue").containsExactly("notified 1");
    }

    @Test
    void kicksOnceAtFirst_forWhatWaitsAlready() {
        assertThat(device().process().kicks).isEqualTo(1);
    }

    @Test
    void interruptsTheDriver_whenTheOtherProcessCalls() {
        add();
        assertThat(device().process().serve()).isEqualTo(1);

        assertThat(queue().take().written()).isZero();
        assertThat(driver.irq().takeRisingEdges()).isEqualTo(1);
        assertThat(driver.acknowledge()).isEqualTo(1);
    }

    @Test
    void yieldsNothingToTheDevice_whileItIsLeased() {
        add();

        assertThat(device().queue().running()).isFalse();
        assertThat(device().queue().pop()).isNull();
        assertThat(device().queue().wantNotifications()).isFalse();
        assertThatIllegalStateException().isThrownBy(() -> device().queue().lease(() -> {}, () -> {}));
        assertThatIllegalStateException().isThrownBy(() -> driver.mmio().save());
    }

    @Test
    void continuesWhereTheOtherProcessStopped_whenItIsGivenBack() {
        for (int i = 0; i < 3; i++) add();
        device().process().serve();
        device().process().stop();
        add();

        DescriptorChain chain = Objects.requireNonNull(device().queue().pop());
        device().queue().complete(chain, 0);

        assertThat(device().queue().pop()).isNull();
        for (int i = 0; i < 4; i++) queue().take();
        assertThat(queue().poll()).isNull();
    }

    @Test
    void isRevokedByAReset_andInterruptsNobodyAfterIt() {
        OtherProcess process = device().process();
        driver.mmio().reset();
        process.lease.call();
        process.stop();

        assertThat(device().revoked).isEqualTo(1);
        assertThat(driver.irq().isHigh()).isFalse();
        assertThat(device().queue().running()).isFalse();
    }

    @Test
    void isRevoked_whenTheDriverTakesTheQueueBack() {
        driver.write(QUEUE_SEL, 0);
        driver.write(QUEUE_READY, 0);

        assertThat(device().revoked).isEqualTo(1);
    }

    @Test
    void isRevoked_whenTheDeviceBreaks() {
        device().onNotify = queue -> {
            throw new VirtqueueException("broken by its other queue");
        };
        driver.notify(1);

        assertThat(driver.needsReset()).isTrue();
        assertThat(device().revoked).isEqualTo(1);
    }

    @Test
    void servesEachRequestOnce_overAPauseAndARestore() {
        add();
        device().process().serve();
        add();
        driver.mmio().pause();
        VirtioDriver other = new VirtioDriver(VirtioMmio.Version.MODERN, this::make, driver.memory());
        other.mmio().pause();
        other.mmio().restore(driver.mmio().save());
        assertThat(device().process).as("not before it is resumed").isNull();

        other.mmio().resume();
        other.loop().run();

        assertThat(device().process().kicks).isEqualTo(1);
        assertThat(device().process().serve()).isEqualTo(1);
        queue().take();
        queue().take();
        assertThat(queue().poll()).isNull();
        assertThat(other.irq().takeRisingEdges()).isEqualTo(1);
    }
}
