package dev.microvm.devices.virtio;

import static dev.microvm.devices.virtio.VirtioFeatures.ANY_LAYOUT;
import static dev.microvm.devices.virtio.VirtioFeatures.EVENT_IDX;
import static dev.microvm.devices.virtio.VirtioFeatures.INDIRECT_DESC;
import static dev.microvm.devices.virtio.VirtioFeatures.VERSION_1;
import static dev.microvm.devices.virtio.VirtioMmioRegisters.*;
import static dev.microvm.devices.virtio.VirtioStatus.*;
import static dev.microvm.devices.virtio.testing.RecordingDevice.FEATURE_A;
import static dev.microvm.devices.virtio.testing.RecordingDevice.FEATURE_B;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.bus.Bus;
import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.devices.virtio.testing.RecordingDevice;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.state.DeviceState;
import dev.microvm.testing.FakeIrqLine;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The registers of virtio over MMIO: VIRTIO 1.2, section 4.2. */
@Timeout(60)
final class VirtioMmioTest {
    private static final int SIZE = 8;
    private static final int READY_STATUS = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;

    private final List<RecordingDevice> devices = new ArrayList<>();
    private final VirtioDriver driver = new VirtioDriver(this::device);
    private final RecordingDevice device = devices.getFirst();

    private RecordingDevice device(VirtioTransport transport) {
        RecordingDevice made = new RecordingDevice(transport, SIZE, 2 * SIZE);
        devices.add(made);
        return made;
    }

    // ---- identification: 4.2.2

    @Test
    void saysWhatItIs() {
        assertThat(driver.read(MAGIC_VALUE)).isEqualTo(0x74726976);
        assertThat(driver.read(VERSION)).isEqualTo(2);
        assertThat(driver.read(DEVICE_ID)).isEqualTo(RecordingDevice.ID);
        assertThat(driver.status()).isZero();
    }

    @Test
    void answersOnARealBus() {
        Bus bus = new Bus("memory");
        bus.add(0xfeb0_0000L, VirtioMmio.RANGE, "virtio", driver.mmio());

        assertThat(bus.read(0xfeb0_0000L, 4)).isEqualTo(0x74726976);
    }

    @Test
    void offersItsFeatures_thoseOfTheQueues_andVersion1() {
        assertThat(driver.offered()).isEqualTo(FEATURE_A | FEATURE_B | VERSION_1 | INDIRECT_DESC | EVENT_IDX);
        driver.write(DEVICE_FEATURES_SEL, 2);
        assertThat(driver.read(DEVICE_FEATURES)).isZero();
    }

    @Test
    void saysHowLargeQueuesMayBe_andZeroWhereThereIsNone() {
        driver.write(QUEUE_SEL, 0);
        int first = driver.read(QUEUE_NUM_MAX);
        driver.write(QUEUE_SEL, 1);
        int second = driver.read(QUEUE_NUM_MAX);
        driver.write(QUEUE_SEL, 2);
        int none = driver.read(QUEUE_NUM_MAX);
        driver.write(QUEUE_SEL, -1);

        assertThat(List.of(first, second, none, driver.read(QUEUE_NUM_MAX))).containsExactly(SIZE, 2 * SIZE, 0, 0);
    }

    @Test
    void ignoresAccessesOfOtherWidths() { // 4.2.2.2
        driver.mmio().write(STATUS, 1, ACKNOWLEDGE);
        driver.mmio().write(STATUS, 8, ACKNOWLEDGE);

        assertThat(driver.status()).isZero();
        assertThat(driver.mmio().read(MAGIC_VALUE, 1)).isZero();
        assertThat(driver.mmio().read(MAGIC_VALUE + 1, 4)).isZero();
    }

    // ---- negotiation and status: 2.1, 2.2, 3.1.1

    @Test
    void activatesTheDevice_whenTheDriverIsReady() {
        driver.start();

        assertThat(driver.status()).isEqualTo(READY_STATUS);
        assertThat(device.takeCalls())
                .containsExactly(
                        "reset",
                        "activate 0x%x".formatted(FEATURE_A | FEATURE_B | VERSION_1 | INDIRECT_DESC | EVENT_IDX),
                        "notified 0",
                        "notified 1");
        assertThat(device.queues).allMatch(Virtqueue::running);
    }

    @Test
    void refusesFeatures_thatWereNotOffered() { // 2.2.2
        assertThatExceptionOfType(AssertionError.class).isThrownBy(() -> driver.negotiate(VERSION_1 | 2));
        assertThat(driver.status()).isEqualTo(ACKNOWLEDGE | DRIVER);
    }

    @Test
    void refusesADriver_thatDoesNotTakeVersion1() { // 6.2
        assertThatExceptionOfType(AssertionError.class).isThrownBy(() -> driver.negotiate(FEATURE_A));
    }

    @Test
    void refusesFeatures_thatTheDeviceDoesNotAccept() {
        assertThatExceptionOfType(AssertionError.class).isThrownBy(() -> driver.negotiate(VERSION_1 | FEATURE_B));
    }

    @Test
    void keepsFeatures_onceTheyAreAgreed() { // 2.2.1
        driver.negotiate(VERSION_1);
        driver.write(DRIVER_FEATURES_SEL, 0);
        driver.write(DRIVER_FEATURES, (int) FEATURE_A);
        driver.write(STATUS, READY_STATUS);

        assertThat(device.takeCalls()).contains("activate 0x%x".formatted(VERSION_1));
    }

    @Test
    void isNotReady_beforeFeaturesAreAgreed() {
        driver.write(STATUS, ACKNOWLEDGE | DRIVER | DRIVER_OK);

        assertThat(driver.status()).isEqualTo(ACKNOWLEDGE | DRIVER);
        assertThat(device.takeCalls()).isEmpty();
    }

    @Test
    void clearsNoStatusBit_butByAReset() { // 2.1.1
        driver.start();
        driver.write(STATUS, ACKNOWLEDGE);
        int kept = driver.status();
        driver.write(STATUS, FAILED | DEVICE_NEEDS_RESET | 0x30);
        int failed = driver.status();
        driver.write(STATUS, 0);

        assertThat(kept).isEqualTo(READY_STATUS);
        assertThat(failed).isEqualTo(READY_STATUS | FAILED);
        assertThat(driver.status()).isZero();
    }

    @Test
    void activatesOnce() {
        driver.start();
        device.takeCalls();

        driver.write(STATUS, READY_STATUS);

        assertThat(device.takeCalls()).isEmpty();
    }

    @Test
    void leavesQueuesAlone_thatTheDriverDidNotSetUp() {
        driver.negotiate(VERSION_1);
        driver.write(STATUS, READY_STATUS);
        driver.loop().run();

        assertThat(device.queues).noneMatch(Virtqueue::running);
        assertThat(device.takeCalls()).doesNotContain("notified 0");
        driver.notify(0);
        assertThat(device.takeCalls()).isEmpty();
    }

    // ---- queues

    @Test
    void saysWhichQueuesAreReady_andForgetsByReset() {
        driver.start();
        driver.write(QUEUE_SEL, 1);
        int ready = driver.read(QUEUE_READY);
        driver.write(STATUS, 0);
        driver.write(QUEUE_SEL, 1);

        assertThat(ready).isEqualTo(1);
        assertThat(driver.read(QUEUE_READY)).isZero();
        assertThat(device.queues).noneMatch(Virtqueue::running);
    }

    @Test
    void doesNotMoveAQueue_thatIsReady() { // 4.2.2.2
        driver.start(VERSION_1);
        driver.write(QUEUE_SEL, 0);
        driver.writeAddress(QUEUE_DESC_LOW, 0);
        driver.write(QUEUE_NUM, 3);
        DeviceState state = driver.mmio().save();

        assertThat(state.number("queue0Descriptors")).isEqualTo(driver.queue(0).descriptors());
        assertThat(state.number("queue0Size")).isEqualTo(SIZE);
    }

    @Test
    void stopsAQueue_thatTheDriverTakesBack() {
        driver.start();
        driver.write(QUEUE_SEL, 0);
        driver.write(QUEUE_READY, 0);

        assertThat(driver.read(QUEUE_READY)).isZero();
        assertThat(device.queue().running()).isFalse();
        assertThat(device.queues.get(1).running()).isTrue();
    }

    @Test
    void startsNoQueue_onceTheDriverIsReady() {
        driver.start();
        driver.write(QUEUE_SEL, 0);
        driver.write(QUEUE_READY, 0);
        driver.write(QUEUE_READY, 1);

        assertThat(driver.read(QUEUE_READY)).isZero();
        assertThat(device.queue().running()).isFalse();
    }

    @Test
    void ringsTheDoorbellOfOneQueue() {
        driver.start();
        device.takeCalls();

        driver.write(QUEUE_NOTIFY, 1);
        List<String> onTheVcpu = device.takeCalls();
        driver.loop().run();

        assertThat(onTheVcpu).isEmpty();
        assertThat(device.takeCalls()).containsExactly("notified 1");
    }

    @Test
    void notifiesADeviceAtOnce_thatAsksForTheVcpu() {
        device.byVcpu = true;
        driver.start();
        driver.loop().run();
        device.takeCalls();

        driver.write(QUEUE_NOTIFY, 1);
        List<String> onTheVcpu = device.takeCalls();
        driver.loop().run();

        assertThat(onTheVcpu).containsExactly("notified 1");
        assertThat(device.takeCalls()).isEmpty();
    }

    @Test
    void ignoresANotification_ofAQueueThatIsNotThere() {
        driver.start();
        device.takeCalls();

        driver.notify(2);
        driver.notify(-1);

        assertThat(device.takeCalls()).isEmpty();
    }

    @Test
    void takesADoorbell_thatTheHypervisorRings() {
        driver.start();
        device.takeCalls();

        driver.mmio().doorbell(0).raise();
        driver.loop().run();

        assertThat(driver.mmio().queueCount()).isEqualTo(2);
        assertThat(device.takeCalls()).containsExactly("notified 0");
    }

    // ---- interrupts

    private void completeOne(int queue) {
        driver.queue(queue).add(driver.writable(1));
        device.onNotify = number -> {
            Virtqueue notified = device.queues.get(number);
            notified.complete(Objects.requireNonNull(notified.pop()), 1);
            notified.notifyDriver();
        };
        driver.notify(queue);
    }

    @Test
    void keepsTheLineHigh_untilAllReasonsAreAcknowledged() {
        driver.start(VERSION_1);
        completeOne(0);
        device.transport.configChanged();
        int both = driver.read(INTERRUPT_STATUS);
        driver.write(INTERRUPT_ACK, USED_BUFFER);
        boolean still = driver.irq().isHigh();
        driver.write(INTERRUPT_ACK, CONFIGURATION_CHANGE);

        assertThat(both).isEqualTo(USED_BUFFER | CONFIGURATION_CHANGE);
        assertThat(still).isTrue();
        assertThat(driver.irq().isHigh()).isFalse();
        assertThat(driver.read(INTERRUPT_STATUS)).isZero();
    }

    @Test
    void makesAnEdgeForEachInterrupt_evenIfTheLastWasLost() {
        driver.start(VERSION_1);
        completeOne(0);
        completeOne(0);

        assertThat(driver.irq().takeRisingEdges()).isEqualTo(2);
    }

    @Test
    void makesAnEdge_forAReasonThatWasNotAcknowledged() {
        driver.start(VERSION_1);
        completeOne(0);
        device.transport.configChanged();
        driver.irq().takeRisingEdges();

        driver.write(INTERRUPT_ACK, USED_BUFFER);

        assertThat(driver.irq().takeRisingEdges()).isEqualTo(1);
    }

    @Test
    void lowersTheLine_whenReset() {
        driver.start(VERSION_1);
        completeOne(0);

        driver.write(STATUS, 0);

        assertThat(driver.irq().isHigh()).isFalse();
        assertThat(driver.read(INTERRUPT_STATUS)).isZero();
    }

    // ---- configuration space: 2.5

    @Test
    void readsAndWritesTheConfigurationSpace_inTheWidthsOfItsFields() {
        device.config.putInt(0, 0x12345678).putShort(4, 0xabcd);

        driver.writeConfig(6, 1, 0x99);
        driver.writeConfig(8, 4, 0xdeadbeefL);

        assertThat(driver.config(0, 4)).isEqualTo(0x12345678);
        assertThat(driver.config(4, 2)).isEqualTo(0xabcd);
        assertThat(driver.config(6, 1)).isEqualTo(0x99);
        assertThat(driver.config(0, 8)).isEqualTo(0x0099abcd_12345678L);
        assertThat(device.config.read(8, 4)).isEqualTo(0xdeadbeefL);
    }

    @Test
    void readsZeros_beyondTheConfigurationSpace() {
        driver.writeConfig(12, 4, -1);
        driver.writeConfig(10, 4, -1);

        assertThat(driver.config(12, 4)).isZero();
        assertThat(driver.config(10, 4)).isZero();
        assertThat(driver.config(0xfc, 4)).isZero();
    }

    @Test
    void tellsOfChanges_byGenerationAndInterrupt() {
        driver.start(VERSION_1);
        int before = driver.read(CONFIG_GENERATION);

        device.transport.configChanged();

        assertThat(driver.read(CONFIG_GENERATION)).isNotEqualTo(before);
        assertThat(driver.irq().takeRisingEdges()).isEqualTo(1);
        assertThat(driver.acknowledge()).isEqualTo(CONFIGURATION_CHANGE);
    }

    @Test
    void interruptsNoDriver_thatIsNotReady() {
        driver.negotiate(VERSION_1);
        int before = driver.read(CONFIG_GENERATION);

        device.transport.configChanged();

        assertThat(driver.read(CONFIG_GENERATION)).isNotEqualTo(before);
        assertThat(driver.irq().isHigh()).isFalse();
    }

    // ---- what breaks: 2.1.2

    private void breakQueue() {
        driver.queue(0).offer(0xffff);
        device.onNotify = number -> device.queues.get(number).pop();
        driver.notify(0);
    }

    @Test
    void needsAReset_whenTheDriverBreaksAQueue() {
        driver.start(VERSION_1);
        breakQueue();

        assertThat(driver.needsReset()).isTrue();
        assertThat(driver.acknowledge()).isEqualTo(CONFIGURATION_CHANGE);
        assertThat(device.queues).noneMatch(Virtqueue::running);
        device.takeCalls();
        driver.notify(1);
        assertThat(device.takeCalls()).isEmpty();
    }

    @Test
    void worksAgain_whenItWasReset() {
        driver.start(VERSION_1);
        breakQueue();
        driver.start(VERSION_1);
        completeOne(0);

        assertThat(driver.needsReset()).isFalse();
        assertThat(driver.queue(0).take().written()).isEqualTo(1);
    }

    @Test
    void needsAReset_whenAQueueCannotBeWhereTheDriverWantsIt() {
        driver.negotiate(VERSION_1);
        driver.write(QUEUE_SEL, 0);
        driver.writeAddress(QUEUE_DESC_LOW, 0x1_0000_0000L);
        driver.write(QUEUE_READY, 1);
        driver.write(STATUS, READY_STATUS);

        assertThat(driver.needsReset()).isTrue();
        assertThat(driver.irq().isHigh()).isTrue();
        assertThat(device.takeCalls()).containsExactly("reset");
    }

    @Test
    void needsAReset_whenTheDeviceHasADefect() {
        driver.start(VERSION_1);
        device.onNotify = queue -> {
            throw new IllegalStateException("a defect that this test makes");
        };
        driver.notify(0);

        assertThat(driver.needsReset()).isTrue();
    }

    @Test
    void needsAReset_whenTheDeviceThrowsAnError() {
        driver.start(VERSION_1);
        device.onNotify = queue -> {
            throw new StackOverflowError("an error that this test makes");
        };
        driver.notify(0);

        assertThat(driver.needsReset()).isTrue();
    }

    @Test
    void needsAReset_whenATaskOfTheDeviceFails() {
        driver.start(VERSION_1);
        driver.queue(1).offer(0xffff);
        device.transport.loop().execute(() -> device.queues.get(1).pop());
        driver.loop().run();

        assertThat(driver.needsReset()).isTrue();
    }

    @Test
    void isReset_thoughTheDeviceFailsAtIt() {
        driver.start(VERSION_1);
        device.onReset = () -> {
            throw new IllegalStateException("a defect that this test makes");
        };

        driver.write(STATUS, 0);

        assertThat(driver.status()).isZero();
        assertThat(driver.irq().isHigh()).isFalse();
    }

    // ---- reset with requests in flight

    @Test
    void interruptsNobody_forARequestThatIsCompletedAfterAReset() {
        driver.start(VERSION_1);
        driver.queue(0).add(driver.writable(1));
        DescriptorChain chain = Objects.requireNonNull(device.queue().pop());
        driver.write(STATUS, 0);
        driver.irq().takeRisingEdges();

        device.queue().complete(chain, 1);
        device.queue().notifyDriver();

        assertThat(driver.queue(0).usedIndex()).isZero();
        assertThat(driver.irq().takeRisingEdges()).isZero();
    }

    @Test
    void waitsWithAReset_untilTheDeviceHasFinishedWhatItDoes() throws Exception {
        driver.start(VERSION_1);
        CountDownLatch working = new CountDownLatch(1);
        CountDownLatch finish = new CountDownLatch(1);
        List<String> order = new ArrayList<>();
        device.onNotify = queue -> {
            working.countDown();
            awaitQuietly(finish);
            order.add("request");
        };
        device.onReset = () -> order.add("reset");
        try (var threads = Executors.newFixedThreadPool(2)) {
            Future<?> loop = threads.submit(() -> driver.notify(0));
            working.await();
            Future<?> vcpu = threads.submit(() -> driver.write(STATUS, 0));
            int status = driver.read(INTERRUPT_STATUS); // answers meanwhile
            finish.countDown();
            vcpu.get(10, TimeUnit.SECONDS);
            loop.get(10, TimeUnit.SECONDS);

            assertThat(status).isZero();
        }

        assertThat(order).containsExactly("request", "reset");
        assertThat(driver.status()).isZero();
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    // ---- legacy: 4.2.4

    private VirtioDriver legacy() {
        return new VirtioDriver(VirtioMmio.Version.LEGACY, this::device);
    }

    @Test
    void servesALegacyDriver() {
        VirtioDriver old = legacy().start();
        RecordingDevice oldDevice = devices.getLast();
        old.queue(0).add(old.readable((byte) 7), old.writable(1));

        DescriptorChain chain = Objects.requireNonNull(oldDevice.queue().pop());
        oldDevice.queue().complete(chain, 1);

        assertThat(old.read(VERSION)).isEqualTo(1);
        assertThat(chain.readable().getByte(0)).isEqualTo(7);
        assertThat(old.queue(0).take().written()).isEqualTo(1);
        assertThat(oldDevice.takeCalls())
                .contains("activate 0x%x".formatted(FEATURE_A | INDIRECT_DESC | EVENT_IDX | ANY_LAYOUT));
    }

    @Test
    void takesOnlyWhatWasOffered_fromALegacyDriver() {
        legacy().start(0xffff_ffffL);

        assertThat(devices.getLast().takeCalls())
                .contains("activate 0x%x".formatted(FEATURE_A | INDIRECT_DESC | EVENT_IDX | ANY_LAYOUT));
    }

    @Test
    void saysWhereALegacyQueueIs_andTakesItBackAtPageZero() {
        VirtioDriver old = legacy();
        old.negotiate(0);
        old.write(QUEUE_SEL, 1);
        old.write(QUEUE_PFN, 5);
        int there = old.read(QUEUE_PFN);
        old.write(QUEUE_PFN, 0);

        assertThat(there).isEqualTo(5);
        assertThat(old.read(QUEUE_PFN)).isZero();
    }

    @Test
    void needsAReset_whenALegacyQueueHasNoAlignment() {
        VirtioDriver old = legacy();
        old.negotiate(0);
        old.write(QUEUE_SEL, 0);
        old.write(QUEUE_PFN, 5);
        old.write(STATUS, ACKNOWLEDGE | DRIVER | DRIVER_OK);

        assertThat(old.needsReset()).isTrue();
    }

    @Test
    void hasNoModernRegisters_asALegacyDevice() {
        VirtioDriver old = legacy();

        assertThat(old.read(CONFIG_GENERATION)).isZero();
        assertThat(old.read(SHM_LEN_LOW)).isZero();
        assertThat(old.offered() >>> Integer.SIZE & 1).isZero();
    }

    // ---- what a device may do while it is made

    @Test
    void addsNoQueues_onceTheDeviceIsMade() {
        assertThatIllegalStateException().isThrownBy(() -> device.transport.addQueue(SIZE));
    }

    @Test
    void keepsTheLoopOpen() {
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(() -> device.transport.loop().close());
    }

    @Test
    void refusesADevice_thatOffersTheTransportsFeatures() {
        List<RecordingDevice> made = new ArrayList<>();

        assertThatIllegalArgumentException()
                .isThrownBy(() -> new VirtioDriver(transport -> {
                    RecordingDevice bad = new RecordingDevice(transport) {
                        @Override
                        public long features() {
                            return EVENT_IDX;
                        }
                    };
                    made.add(bad);
                    return bad;
                }))
                .withMessageContaining("virtio-recording");
        assertThat(made.getFirst().takeCalls()).containsExactly("close");
    }

    @Test
    void closesItsDevice() {
        driver.mmio().close();

        assertThat(device.takeCalls()).containsExactly("close");
    }

    // ---- state

    /** The same machine with a device of the same kind in the state of this one. */
    private VirtioDriver restored(DeviceState state) {
        VirtioDriver other = new VirtioDriver(VirtioMmio.Version.MODERN, this::device, driver.memory());
        other.mmio().restore(DeviceState.decode(state.encode()));
        return other;
    }

    @Test
    void goesOn_whenRestoredIntoANewDevice() {
        driver.start(VERSION_1 | EVENT_IDX);
        completeOne(0);
        driver.queue(0).take();
        device.value = 77;
        driver.queue(0).add(driver.writable(4));

        DeviceState state = driver.mmio().save();
        VirtioDriver other = restored(state);
        RecordingDevice fresh = devices.getLast();
        DeviceState again = other.mmio().save();
        other.loop().run();
        fresh.queue().complete(Objects.requireNonNull(fresh.queue().pop()), 4);

        assertThat(again).isEqualTo(state);
        assertThat(fresh.takeCalls())
                .containsExactly(
                        "activate 0x%x".formatted(VERSION_1 | EVENT_IDX), "restore 77", "notified 0", "notified 1");
        assertThat(driver.queue(0).take().written()).isEqualTo(4);
        assertThat(other.irq().isHigh()).isFalse();
        assertThat(other.read(INTERRUPT_STATUS)).isEqualTo(USED_BUFFER);
    }

    @Test
    void yieldsAgainWhatWasInFlight_whenRestored() {
        driver.start(VERSION_1);
        int first = driver.queue(0).add(driver.writable(1));
        int second = driver.queue(0).add(driver.writable(2));
        int third = driver.queue(0).add(driver.writable(3));
        device.queue().pop();
        device.queue().pop();

        restored(driver.mmio().save());
        Virtqueue fresh = devices.getLast().queue();
        List<Long> lengths = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            DescriptorChain chain = Objects.requireNonNull(fresh.pop());
            lengths.add(chain.writable().length());
            fresh.complete(chain, 0);
        }

        assertThat(lengths).containsExactly(1L, 2L, 3L);
        assertThat(driver.queue(0).take().head()).isEqualTo(first);
        assertThat(driver.queue(0).take().head()).isEqualTo(second);
        assertThat(driver.queue(0).take().head()).isEqualTo(third);
    }

    @Test
    void savesWhatWasRestored_beforeADriverCameAndWhenBroken() {
        DeviceState before = driver.mmio().save();
        driver.start(VERSION_1);
        breakQueue();
        DeviceState broken = driver.mmio().save();

        assertThat(restored(before).mmio().save()).isEqualTo(before);
        VirtioDriver other = restored(broken);
        assertThat(other.mmio().save()).isEqualTo(broken);
        assertThat(other.needsReset()).isTrue();
        assertThat(devices.getLast().queues).noneMatch(Virtqueue::running);
    }

    @Test
    void refusesAStateOfAnotherDevice() {
        DeviceState state = driver.mmio().save().put("deviceId", 1);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> driver.mmio().restore(state))
                .withMessageContaining("virtio-recording");
        assertThatIllegalArgumentException().isThrownBy(() -> driver.mmio().restore(new DeviceState("toaster", 1)));
    }

    @Test
    void drivesItsOwnLineOnly() {
        FakeIrqLine line = new FakeIrqLine();
        InterruptStatus status = new InterruptStatus(line);

        status.acknowledge(~0);
        status.raise(USED_BUFFER);

        assertThat(line.fallingEdges()).isZero();
        assertThat(line.risingEdges()).isEqualTo(1);
    }

    @Test
    void writesWhereBuffersAre() {
        driver.start(VERSION_1);
        Buffer buffer = driver.writable(2);
        driver.queue(1).add(buffer);
        device.onNotify = number -> device.queues.get(number).drain(chain -> {
            chain.writable().putShort(0, 0x0201);
            device.queues.get(number).complete(chain, 2);
            return true;
        });

        driver.notify(1);

        assertThat(driver.content(buffer)).containsExactly(1, 2);
        assertThat(driver.acknowledge()).isEqualTo(USED_BUFFER);
    }
}
