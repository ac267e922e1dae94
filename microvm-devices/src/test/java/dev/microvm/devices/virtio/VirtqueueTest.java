package dev.microvm.devices.virtio;

import static dev.microvm.devices.virtio.VirtioFeatures.EVENT_IDX;
import static dev.microvm.devices.virtio.VirtioFeatures.INDIRECT_DESC;
import static dev.microvm.devices.virtio.VirtioFeatures.VERSION_1;
import static dev.microvm.devices.virtio.testing.DriverQueue.INDIRECT;
import static dev.microvm.devices.virtio.testing.DriverQueue.NEXT;
import static dev.microvm.devices.virtio.testing.DriverQueue.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.devices.virtio.testing.DriverQueue;
import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.devices.virtio.testing.DriverQueue.Used;
import dev.microvm.devices.virtio.testing.RecordingDevice;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The rules of split virtqueues, each with its section of VIRTIO 1.2. */
final class VirtqueueTest {
    private static final int SIZE = 8;
    private static final long ROM = 0x8000_0000L;
    private static final long NOWHERE = 0x4000_0000L;

    private final GuestMemory memory = new GuestMemory(List.of(
            new GuestMemoryRegion(0, Arena.ofAuto().allocate(VirtioDriver.MEMORY, 4096), false),
            new GuestMemoryRegion(ROM, Arena.ofAuto().allocate(4096, 4096), true)));
    private final List<RecordingDevice> devices = new ArrayList<>();
    private final VirtioDriver driver =
            new VirtioDriver(VirtioMmio.Version.MODERN, this::device, memory).start(VERSION_1 | INDIRECT_DESC);
    private final Virtqueue queue = devices.getFirst().queue();
    private final DriverQueue ring = driver.queue(0);

    private RecordingDevice device(VirtioTransport transport) {
        RecordingDevice made = new RecordingDevice(transport, SIZE);
        devices.add(made);
        return made;
    }

    private DescriptorChain pop() {
        return Objects.requireNonNull(queue.pop(), "an available chain");
    }

    private void assertRefused(String section) {
        assertThatExceptionOfType(VirtqueueException.class)
                .isThrownBy(queue::pop)
                .withMessageContaining("queue 0")
                .withMessageContaining(section);
    }

    // ---- what comes in

    @Test
    void isEmpty_whenNothingIsAvailable() {
        assertThat(queue.hasNext()).isFalse();
        assertThat(queue.pop()).isNull();
    }

    @Test
    void yieldsReadableAndWritableBytes_ofAChain() {
        Buffer header = driver.readable((byte) 1, (byte) 2);
        Buffer data = driver.readable((byte) 3);
        Buffer answer = driver.writable(7);
        ring.add(header, data, answer);

        DescriptorChain chain = pop();

        assertThat(chain.readable().length()).isEqualTo(3);
        assertThat(chain.readable().pieces()).isEqualTo(2);
        assertThat(chain.readable().getByte(2)).isEqualTo(3);
        assertThat(chain.writable().length()).isEqualTo(7);
        assertThat(chain.writable().offset(0)).isEqualTo(answer.gpa());
        assertThat(queue.inFlight()).isEqualTo(1);
    }

    @Test
    void yieldsChainsInTheOrderTheyWereMadeAvailable() {
        for (int length = 1; length <= SIZE; length++) ring.add(driver.writable(length));

        for (int length = 1; length <= SIZE; length++)
            assertThat(pop().writable().length()).isEqualTo(length);
        assertThat(queue.pop()).isNull();
    }

    @Test
    void skipsEmptyBuffers() {
        ring.add(Buffer.readable(NOWHERE, 0), driver.writable(1), Buffer.writable(NOWHERE, 0));

        DescriptorChain chain = pop();

        assertThat(chain.readable().pieces()).isZero();
        assertThat(chain.writable().pieces()).isEqualTo(1);
    }

    @Test
    void acceptsAsManyBuffersAsTheQueueHasEntries() {
        Buffer[] buffers = new Buffer[SIZE];
        for (int i = 0; i < SIZE; i++) buffers[i] = driver.writable(1);
        ring.add(buffers);

        assertThat(pop().writable().length()).isEqualTo(SIZE);
    }

    @Test
    void goesOnBeyondIndex65535() {
        Buffer buffer = driver.writable(4);
        for (int round = 0; round < 0x10000 + SIZE; round++) {
            int head = ring.add(buffer);
            queue.complete(pop(), round & 3);
            assertThat(ring.take()).isEqualTo(new Used(head, round & 3));
        }

        assertThat(ring.usedIndex()).isEqualTo(SIZE);
    }

    @Test
    void usesTheSameObjectAgain_whenAChainIsCompleted() {
        ring.add(driver.writable(1));
        DescriptorChain first = pop();
        queue.complete(first, 0);
        ring.add(driver.writable(2));

        assertThat(pop()).isSameAs(first);
        assertThat(first.writable().length()).isEqualTo(2);
    }

    // ---- indirect descriptors: 2.7.5.3

    @Test
    void followsAnIndirectTable() {
        ring.addIndirect(driver.allocate(64), driver.readable((byte) 9), driver.writable(2), driver.writable(3));

        DescriptorChain chain = pop();

        assertThat(chain.readable().getByte(0)).isEqualTo(9);
        assertThat(chain.writable().length()).isEqualTo(5);
    }

    @Test
    void followsAnIndirectTable_afterOrdinaryDescriptors() { // 2.7.5.3.2
        long table = driver.allocate(16);
        ring.writeDescriptor(table, driver.allocate(8), 8, WRITE, 0);
        ring.descriptor(0, driver.allocate(4), 4, NEXT, 1);
        ring.descriptor(1, table, 16, INDIRECT, 0);
        ring.offer(0);

        DescriptorChain chain = pop();

        assertThat(chain.readable().length()).isEqualTo(4);
        assertThat(chain.writable().length()).isEqualTo(8);
    }

    @Test
    void ignoresTheWriteFlag_ofAnIndirectTable() { // 2.7.5.3.2
        long table = driver.allocate(16);
        ring.writeDescriptor(table, driver.allocate(8), 8, 0, 0);
        ring.descriptor(0, table, 16, INDIRECT | WRITE, 0);
        ring.offer(0);

        assertThat(pop().readable().length()).isEqualTo(8);
    }

    @Test
    void acceptsAFullIndirectTable() {
        Buffer[] buffers = new Buffer[SIZE];
        for (int i = 0; i < SIZE; i++) buffers[i] = driver.readable((byte) i);
        ring.addIndirect(driver.allocate(16 * SIZE), buffers);

        assertThat(pop().readable().length()).isEqualTo(SIZE);
    }

    @Test
    void refusesAnIndirectTable_inAnother() { // 2.7.5.3.1
        long table = driver.allocate(16);
        ring.writeDescriptor(table, table, 16, INDIRECT, 0);
        ring.descriptor(0, table, 16, INDIRECT, 0);
        ring.offer(0);

        assertRefused("2.7.5.3.1");
    }

    @Test
    void refusesAnIndirectTable_withANextDescriptor() { // 2.7.5.3.1
        ring.descriptor(0, driver.allocate(16), 16, INDIRECT | NEXT, 1);
        ring.offer(0);

        assertRefused("2.7.5.3.1");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 8, 17})
    void refusesAnIndirectTable_ofAnOddLength(int length) {
        ring.descriptor(0, driver.allocate(64), length, INDIRECT, 0);
        ring.offer(0);

        assertRefused("2.7.5.3");
    }

    @Test
    void refusesAnIndirectTable_whereThereIsNoMemory() {
        ring.descriptor(0, VirtioDriver.MEMORY - 16, 32, INDIRECT, 0);
        ring.offer(0);

        assertRefused("where no memory is");
    }

    @Test
    void refusesAnIndirectTable_thatIsLongerThanTheQueue() { // 2.7.5.3.1
        Buffer[] buffers = new Buffer[SIZE + 1];
        for (int i = 0; i < buffers.length; i++) buffers[i] = driver.writable(1);
        ring.addIndirect(driver.allocate(16 * buffers.length), buffers);

        assertRefused("2.7.5");
    }

    @Test
    void refusesADescriptorBeyondItsTable() {
        long table = driver.allocate(16);
        ring.writeDescriptor(table, table, 1, NEXT, 1);
        ring.descriptor(0, table, 16, INDIRECT, 0);
        ring.offer(0);

        assertRefused("descriptor 1 of 1");
    }

    @Test
    void refusesAnIndirectTable_thatWasNotNegotiated() { // 2.7.5.3.1
        driver.start(VERSION_1);
        DriverQueue fresh = driver.queue(0);
        fresh.addIndirect(driver.allocate(16), driver.writable(1));

        assertRefused("2.7.5.3.1");
    }

    // ---- what a driver must not do

    @Test
    void refusesALoop() { // 2.7.5.2
        ring.descriptor(3, driver.allocate(1), 1, NEXT, 3);
        ring.offer(3);

        assertRefused("2.7.5.2");
    }

    @Test
    void refusesAHead_outsideTheTable() {
        ring.offer(SIZE);

        assertRefused("head 8 of 8");
    }

    @Test
    void refusesANextDescriptor_outsideTheTable() {
        ring.descriptor(0, driver.allocate(1), 1, NEXT, 0xffff);
        ring.offer(0);

        assertRefused("descriptor 65535 of 8");
    }

    @Test
    void refusesAReadableBuffer_afterAWritableOne() { // 2.7.4.2
        ring.add(driver.writable(1), driver.readable((byte) 1));

        assertRefused("2.7.4.2");
    }

    @ParameterizedTest
    @ValueSource(longs = {NOWHERE, VirtioDriver.MEMORY - 1, -1, -2, Long.MIN_VALUE, Long.MAX_VALUE, ROM + 4095})
    void refusesABuffer_whereThereIsNoMemory(long gpa) {
        ring.add(Buffer.readable(gpa, 2));

        assertRefused("where no memory is");
    }

    @Test
    void refusesABufferOfAlmost4GiB_inLessMemory() {
        ring.add(Buffer.readable(0, -1));

        assertRefused("where no memory is");
    }

    @Test
    void readsReadOnlyMemory_butRefusesToWriteIt() {
        ring.add(Buffer.readable(ROM, 4096));
        ring.add(Buffer.writable(ROM, 1));

        assertThat(pop().readable().length()).isEqualTo(4096);
        assertRefused("read-only");
    }

    @Test
    void refusesAnAvailableIndex_thatIsMoreThanTheQueueAhead() {
        ring.availableIndex(SIZE + 1);

        assertRefused("9 ahead in a queue of 8");
    }

    @Test
    void refusesAHead_thatIsInFlightAlready() {
        ring.add(driver.writable(1));
        pop();
        ring.offer(0);

        assertRefused("twice");
    }

    @Test
    void readsEachWordOnce_soThatAChangeComesTooLate() {
        Buffer buffer = driver.writable(4);
        ring.add(buffer);
        DescriptorChain chain = pop();

        ring.descriptor(0, NOWHERE, 0x1000, 0, 0);
        ring.offer(5);

        chain.writable().putInt(0, 0x12345678);
        assertThat(memory.getInt(buffer.gpa())).isEqualTo(0x12345678);
        queue.complete(chain, 4);
        assertThat(ring.take().written()).isEqualTo(4);
    }

    // ---- what goes out

    @Test
    void givesChainsBack_inWhateverOrder() {
        int first = ring.add(driver.writable(10));
        int second = ring.add(driver.writable(20));
        DescriptorChain one = pop();
        DescriptorChain two = pop();

        queue.complete(two, 20);
        queue.complete(one, 1);

        assertThat(ring.take()).isEqualTo(new Used(second, 20));
        assertThat(ring.take()).isEqualTo(new Used(first, 1));
        assertThat(queue.inFlight()).isZero();
    }

    @Test
    void showsStagedChainsAllAtOnce() {
        ring.add(driver.writable(1));
        ring.add(driver.writable(1));

        queue.stage(pop(), 1);
        queue.stage(pop(), 1);
        int before = ring.usedIndex();
        queue.publish();

        assertThat(before).isZero();
        assertThat(ring.usedIndex()).isEqualTo(2);
    }

    @Test
    void refusesToSayThatItWroteMoreThanThereIs() {
        ring.add(driver.writable(1));
        DescriptorChain chain = pop();

        assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> queue.complete(chain, 2));
    }

    @Test
    void ignoresAChainThatIsCompletedTwice() {
        ring.add(driver.writable(1));
        DescriptorChain chain = pop();

        queue.complete(chain, 1);
        queue.complete(chain, 1);

        assertThat(ring.usedIndex()).isEqualTo(1);
    }

    @Test
    void ignoresAChainFromBeforeAReset() {
        ring.add(driver.writable(1));
        DescriptorChain old = pop();
        driver.start();
        driver.queue(0).add(driver.writable(1));
        DescriptorChain fresh = pop();

        queue.complete(old, 1);

        assertThat(fresh).isNotSameAs(old);
        assertThat(driver.queue(0).usedIndex()).isZero();
        assertThat(queue.inFlight()).isEqualTo(1);
    }

    @Test
    void yieldsAChainAgain_thatWasPutBack() {
        int first = ring.add(driver.writable(1));
        int second = ring.add(driver.writable(2));

        queue.putBack(pop());
        queue.complete(pop(), 0);
        queue.complete(pop(), 0);

        assertThat(ring.take().head()).isEqualTo(first);
        assertThat(ring.take().head()).isEqualTo(second);
    }

    @Test
    void takesSeveralBack_theLastOneFirst() {
        for (int length = 1; length <= 3; length++) ring.add(driver.writable(length));
        DescriptorChain one = pop();
        DescriptorChain two = pop();

        assertThatIllegalStateException().isThrownBy(() -> queue.putBack(one));
        queue.putBack(two);
        queue.putBack(one);

        assertThat(pop().writable().length()).isEqualTo(1);
        assertThat(pop().writable().length()).isEqualTo(2);
        assertThat(pop().writable().length()).isEqualTo(3);
    }

    // ---- notifications to the driver: 2.7.7

    private void completeOne() {
        queue.complete(pop(), 0);
        queue.notifyDriver();
    }

    @Test
    void interrupts_whenTheDriverDoesNotSayOtherwise() {
        ring.add(driver.writable(1));
        completeOne();

        assertThat(driver.irq().takeRisingEdges()).isEqualTo(1);
    }

    @Test
    void interruptsOnce_forAllThatWasCompleted() {
        ring.add(driver.writable(1));
        ring.add(driver.writable(1));
        queue.complete(pop(), 0);
        queue.complete(pop(), 0);

        queue.notifyDriver();
        queue.notifyDriver();

        assertThat(driver.irq().takeRisingEdges()).isEqualTo(1);
    }

    @Test
    void doesNotInterrupt_whenTheDriverDoesNotWant() {
        ring.wantInterrupts(false);
        ring.add(driver.writable(1));
        completeOne();

        assertThat(driver.irq().takeRisingEdges()).isZero();
    }

    @Test
    void interruptsAtTheDriversIndexOnly_withEventIndex() {
        driver.start(VERSION_1 | EVENT_IDX);
        DriverQueue fresh = driver.queue(0);
        for (int i = 0; i < 4; i++) fresh.add(driver.writable(1));
        fresh.wantInterruptAfter(2); // when entry 2 is used

        completeOne();
        completeOne();
        int before = driver.irq().takeRisingEdges();
        completeOne();
        int at = driver.irq().takeRisingEdges();
        completeOne();

        assertThat(before).isZero();
        assertThat(at).isEqualTo(1);
        assertThat(driver.irq().takeRisingEdges()).isZero();
    }

    @Test
    void ignoresTheFlag_withEventIndex() { // 2.7.7.2
        driver.start(VERSION_1 | EVENT_IDX);
        driver.queue(0).wantInterrupts(false);
        driver.queue(0).add(driver.writable(1));

        completeOne();

        assertThat(driver.irq().takeRisingEdges()).isEqualTo(1);
    }

    @Test
    void interrupts_whenTheIndexIsPassedInABatchAcrossTheEnd() {
        driver.start(VERSION_1 | EVENT_IDX);
        DriverQueue fresh = driver.queue(0);
        for (int i = 0; i < 0xffff; i++) {
            fresh.add(Buffer.writable(0x1000, 1));
            queue.complete(pop(), 0);
            fresh.take();
        }
        queue.notifyDriver();
        driver.irq().takeRisingEdges();
        fresh.wantInterruptAfter(0);
        for (int i = 0; i < 3; i++) fresh.add(driver.writable(1));

        for (int i = 0; i < 3; i++) queue.complete(pop(), 0);
        queue.notifyDriver();

        assertThat(fresh.usedIndex()).isEqualTo(2);
        assertThat(driver.irq().takeRisingEdges()).isEqualTo(1);
    }

    // ---- notifications from the driver: 2.7.10

    @Test
    void asksForNotificationsOrNot() {
        queue.suppressNotifications();
        ring.add(driver.writable(1));
        boolean suppressed = ring.mustNotify();
        boolean more = queue.wantNotifications();
        ring.add(driver.writable(1));

        assertThat(suppressed).isFalse();
        assertThat(more).isTrue();
        assertThat(ring.mustNotify()).isTrue();
    }

    @Test
    void asksForTheNextNotification_withEventIndex() {
        driver.start(VERSION_1 | EVENT_IDX);
        DriverQueue fresh = driver.queue(0);
        fresh.add(driver.writable(1));
        boolean first = fresh.mustNotify();
        pop();
        fresh.add(driver.writable(1));
        boolean notAsked = fresh.mustNotify();
        pop();
        boolean more = queue.wantNotifications();
        fresh.add(driver.writable(1));

        assertThat(first).isTrue();
        assertThat(notAsked).isFalse();
        assertThat(more).isFalse();
        assertThat(fresh.mustNotify()).isTrue();
    }

    @Test
    void drainsAllThatWaits_withNotificationsOff() {
        for (int i = 0; i < SIZE; i++) ring.add(driver.writable(1));
        List<Boolean> asked = new ArrayList<>();

        queue.drain(chain -> {
            asked.add(ring.mustNotify());
            queue.complete(chain, 1);
            return true;
        });

        assertThat(asked).hasSize(SIZE).containsOnly(false);
        assertThat(ring.mustNotify()).isTrue();
        assertThat(driver.irq().takeRisingEdges()).isEqualTo(1);
        assertThat(driver.loop().run()).isZero();
    }

    @Test
    void drainsAQueueFullAtATime_andIsNotifiedAgain_whenTheDriverKeepsFilling() {
        int[] taken = {0};
        ring.add(Buffer.writable(0x1000, 1));

        queue.drain(chain -> {
            taken[0]++;
            queue.complete(chain, 0);
            ring.take();
            ring.add(Buffer.writable(0x1000, 1));
            return true;
        });
        devices.getFirst().takeCalls();
        driver.loop().run();

        assertThat(taken[0]).isEqualTo(SIZE);
        assertThat(devices.getFirst().takeCalls()).containsExactly("notified 0");
    }

    @Test
    void leavesTheRest_whenTheHandlerTakesNoMore() {
        int first = ring.add(driver.writable(1));
        int second = ring.add(driver.writable(1));

        queue.drain(chain -> {
            if (queue.inFlight() == 2) return false;
            return true;
        });
        int left = queue.inFlight();
        queue.drain(chain -> {
            queue.complete(chain, 0);
            return true;
        });

        assertThat(left).isEqualTo(1);
        assertThat(first).isNotEqualTo(second);
        assertThat(ring.take().head()).isEqualTo(second);
    }

    // ---- where a queue may be: 2.7

    @Test
    void refusesSizesThatAreNoPowersOfTwo() {
        assertThatIllegalArgumentException().isThrownBy(() -> new Virtqueue(0, 3, memory, () -> {}, () -> {}));
        assertThatIllegalArgumentException().isThrownBy(() -> new Virtqueue(0, 65536, memory, () -> {}, () -> {}));
        assertThatExceptionOfType(VirtqueueException.class)
                .isThrownBy(() -> queue.start(new QueuePlace(2 * SIZE, 0x1000, 0x2000, 0x3000), 0));
        assertThatExceptionOfType(VirtqueueException.class)
                .isThrownBy(() -> queue.start(new QueuePlace(0, 0x1000, 0x2000, 0x3000), 0));
    }

    @Test
    void refusesPartsThatAreNotAligned() {
        assertThatExceptionOfType(VirtqueueException.class)
                .isThrownBy(() -> queue.start(new QueuePlace(SIZE, 0x1008, 0x2000, 0x3000), 0));
        assertThatExceptionOfType(VirtqueueException.class)
                .isThrownBy(() -> queue.start(new QueuePlace(SIZE, 0x1000, 0x2001, 0x3000), 0));
        assertThatExceptionOfType(VirtqueueException.class)
                .isThrownBy(() -> queue.start(new QueuePlace(SIZE, 0x1000, 0x2000, 0x3002), 0));
        assertThat(queue.running()).isFalse();
    }

    @Test
    void refusesPartsThatAreNotInWritableMemory() {
        assertThatExceptionOfType(VirtqueueException.class)
                .isThrownBy(() -> queue.start(new QueuePlace(SIZE, NOWHERE, 0x2000, 0x3000), 0));
        assertThatExceptionOfType(VirtqueueException.class)
                .isThrownBy(() -> queue.start(new QueuePlace(SIZE, 0x1000, VirtioDriver.MEMORY - 2, 0x3000), 0));
        assertThatExceptionOfType(VirtqueueException.class)
                .isThrownBy(() -> queue.start(new QueuePlace(SIZE, 0x1000, 0x2000, -16), 0));
        assertThatExceptionOfType(VirtqueueException.class)
                .isThrownBy(() -> queue.start(new QueuePlace(SIZE, 0x1000, 0x2000, ROM), 0))
                .withMessageContaining("read-only");
    }
}
