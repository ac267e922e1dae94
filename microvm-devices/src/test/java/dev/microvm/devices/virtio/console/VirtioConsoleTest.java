package dev.microvm.devices.virtio.console;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.devices.virtio.VirtioFeatures;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.devices.virtio.testing.HundredPauses;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.state.DeviceState;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

final class VirtioConsoleTest {
    private static final int TO_GUEST = 0;
    private static final int FROM_GUEST = 1;
    private static final int CONTROL_TO_GUEST = 2;
    private static final int CONTROL_FROM_GUEST = 3;
    private static final int SECOND_TO_GUEST = 4;
    private static final int SECOND_FROM_GUEST = 5;

    /** Takes what it has room for. */
    private static final class Output implements PortOutput {
        private final ByteArrayOutputStream text = new ByteArrayOutputStream();
        private long room = Long.MAX_VALUE;

        @Override
        public long write(MemorySegment from, long offset, long length) {
            long now = Math.min(length, room);
            text.writeBytes(from.asSlice(offset, now).toArray(JAVA_BYTE));
            room -= now;
            return now;
        }

        String text() {
            return text.toString(US_ASCII);
        }
    }

    private final Output console = new Output();
    private final Output agent = new Output();
    private final List<VirtioConsole> devices = new ArrayList<>();

    private VirtioConsole single(VirtioTransport transport) {
        return keep(new VirtioConsole(transport, List.of(new VirtioConsole.Port("", console))));
    }

    private VirtioConsole pair(VirtioTransport transport) {
        return keep(new VirtioConsole(
                transport, List.of(new VirtioConsole.Port("", console), new VirtioConsole.Port("agent", agent))));
    }

    private VirtioConsole keep(VirtioConsole device) {
        devices.add(device);
        return device;
    }

    private ConsolePort port(int number) {
        return devices.getLast().ports().get(number);
    }

    private static int send(ConsolePort port, String text) {
        byte[] bytes = text.getBytes(US_ASCII);
        return port.receive(bytes, 0, bytes.length);
    }

    private static Buffer add(VirtioDriver driver, int queue, String text) {
        Buffer buffer = driver.readable(text.getBytes(US_ASCII));
        driver.queue(queue).add(buffer);
        driver.notify(queue);
        return buffer;
    }

    private static String received(VirtioDriver driver, int queue, Buffer buffer) {
        int length = (int) driver.queue(queue).take().written();
        return new String(driver.content(buffer), 0, length, US_ASCII);
    }

    // ---- one console

    @Test
    void printsWhatTheGuestSends() {
        VirtioDriver driver = new VirtioDriver(this::single).start();

        add(driver, FROM_GUEST, "hello, ");
        driver.queue(FROM_GUEST).add(driver.readable((byte) 'w'), driver.readable((byte) 'o'));
        driver.notify(FROM_GUEST);

        assertThat(console.text()).isEqualTo("hello, wo");
        assertThat(driver.queue(FROM_GUEST).take().written()).isZero();
        assertThat(driver.irq().takeRisingEdges()).isEqualTo(1); // as the driver asks by EVENT_IDX
        assertThat(driver.mmio().queueCount()).isEqualTo(2);
    }

    @Test
    void givesTheGuestWhatTheHostSends() {
        VirtioDriver driver = new VirtioDriver(this::single).start();
        Buffer first = driver.writable(4);
        Buffer second = driver.writable(4);
        driver.queue(TO_GUEST).add(first);
        driver.queue(TO_GUEST).add(second);
        driver.notify(TO_GUEST);

        int taken = send(port(0), "abcdef");
        driver.loop().run();

        assertThat(taken).isEqualTo(6);
        assertThat(received(driver, TO_GUEST, first)).isEqualTo("abcd");
        assertThat(received(driver, TO_GUEST, second)).isEqualTo("ef");
    }

    @Test
    void keepsWhatTheHostSends_untilTheGuestHasBuffers() {
        VirtioDriver driver = new VirtioDriver(this::single);
        send(port(0), "early");
        driver.loop().run();
        driver.start();
        Buffer buffer = driver.writable(10);
        driver.queue(TO_GUEST).add(buffer);
        boolean mustNotify = driver.queue(TO_GUEST).mustNotify();
        driver.notify(TO_GUEST);

        assertThat(mustNotify).isTrue();
        assertThat(received(driver, TO_GUEST, buffer)).isEqualTo("early");
    }

    @Test
    void takesNoMoreThanItKeeps_andSaysWhenThereIsRoom() {
        VirtioDriver driver = new VirtioDriver(this::single).start();
        int[] space = {0};
        port(0).onInputSpace(() -> space[0]++);
        byte[] much = new byte[ConsolePort.INPUT_CAPACITY + 10];
        Arrays.fill(much, (byte) 'x');

        int first = port(0).receive(much, 0, much.length);
        int second = port(0).receive(much, 0, 1);
        driver.queue(TO_GUEST).add(driver.writable(100));
        driver.notify(TO_GUEST);
        int third = port(0).receive(much, 0, much.length);

        assertThat(first).isEqualTo(ConsolePort.INPUT_CAPACITY);
        assertThat(second).isZero();
        assertThat(space[0]).isEqualTo(1);
        assertThat(third).isEqualTo(100);
    }

    @Test
    void holdsTheGuestBack_whileTheOutputIsFull() {
        VirtioDriver driver = new VirtioDriver(this::single).start();
        console.room = 3;
        driver.queue(FROM_GUEST)
                .add(driver.readable("ab".getBytes(US_ASCII)), driver.readable("cdef".getBytes(US_ASCII)));
        add(driver, FROM_GUEST, "gh");
        int before = driver.queue(FROM_GUEST).usedIndex();
        String part = console.text();

        console.room = Long.MAX_VALUE;
        port(0).outputReady();
        driver.loop().run();

        assertThat(before).isZero();
        assertThat(part).isEqualTo("abc");
        assertThat(console.text()).isEqualTo("abcdefgh");
        assertThat(driver.queue(FROM_GUEST).usedIndex()).isEqualTo(2);
    }

    @Test
    void saysHowLargeItsWindowIs() {
        VirtioDriver driver = new VirtioDriver(this::single).start();

        devices.getFirst().resize(132, 43);
        driver.loop().run();

        assertThat(driver.config(0, 2)).isEqualTo(132);
        assertThat(driver.config(2, 2)).isEqualTo(43);
        assertThat(driver.config(4, 4)).isEqualTo(1);
        assertThat(driver.acknowledge()).isEqualTo(2);
    }

    @Test
    void handsOverWhatTheGuestHasNotRead() {
        VirtioDriver before = new VirtioDriver(this::single).start();
        send(port(0), "typed ahead");
        before.loop().run();
        ConsolePort old = port(0);
        VirtioDriver after = new VirtioDriver(this::single).start();
        Buffer buffer = after.writable(20);
        after.queue(TO_GUEST).add(buffer);

        port(0).inherit(old);
        after.loop().run();

        assertThat(received(after, TO_GUEST, buffer)).isEqualTo("typed ahead");
    }

    // ---- several ports: 5.3.6.2

    private static final long ALL = VirtioFeatures.VERSION_1 | 3;

    private static byte[] message(int id, int event, int value) {
        return ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(id)
                .putShort((short) event)
                .putShort((short) value)
                .array();
    }

    private static void control(VirtioDriver driver, int id, int event, int value) {
        driver.queue(CONTROL_FROM_GUEST).add(driver.readable(message(id, event, value)));
        driver.notify(CONTROL_FROM_GUEST);
    }

    /** What the device says when it has these many buffers for it. */
    private static List<String> answers(VirtioDriver driver, int buffers) {
        List<Buffer> given = new ArrayList<>();
        for (int i = 0; i < buffers; i++) {
            given.add(driver.writable(64));
            driver.queue(CONTROL_TO_GUEST).add(given.getLast());
        }
        driver.notify(CONTROL_TO_GUEST);
        List<String> said = new ArrayList<>();
        for (var used = driver.queue(CONTROL_TO_GUEST).poll(); used != null; ) {
            ByteBuffer text =
                    ByteBuffer.wrap(driver.content(given.removeFirst())).order(ByteOrder.LITTLE_ENDIAN);
            said.add("port %d event %d value %d%s"
                    .formatted(
                            text.getInt(0),
                            text.getShort(4),
                            text.getShort(6),
                            used.written() == 8
                                    ? ""
                                    : " " + new String(text.array(), 8, (int) used.written() - 8, US_ASCII)));
            used = driver.queue(CONTROL_TO_GUEST).poll();
        }
        return said;
    }

    @Test
    void introducesItsPorts() {
        VirtioDriver driver = new VirtioDriver(this::pair).start(ALL);

        control(driver, -1, 0, 1);
        List<String> ports = answers(driver, 8);
        control(driver, 0, 3, 1);
        control(driver, 1, 3, 1);

        assertThat(driver.mmio().queueCount()).isEqualTo(6);
        assertThat(driver.config(4, 4)).isEqualTo(2);
        assertThat(ports).containsExactly("port 0 event 1 value 1", "port 1 event 1 value 1");
        assertThat(driver.queue(CONTROL_TO_GUEST).usedIndex()).isEqualTo(2 + 4);
    }

    @Test
    void saysWhichIsTheConsole_andWhatTheOthersAreCalled() {
        VirtioDriver driver = new VirtioDriver(this::pair).start(ALL);
        control(driver, 0, 3, 1);
        List<String> first = answers(driver, 8);
        VirtioDriver another = new VirtioDriver(this::pair).start(ALL);
        control(another, 1, 3, 1);

        assertThat(first).containsExactly("port 0 event 4 value 1", "port 0 event 6 value 1");
        assertThat(answers(another, 8)).containsExactly("port 1 event 6 value 1", "port 1 event 7 value 1 agent");
    }

    @Test
    void movesBytesOfANamedPort_onceTheGuestHasItOpen() {
        VirtioDriver driver = new VirtioDriver(this::pair).start(ALL);
        Buffer buffer = driver.writable(10);
        driver.queue(SECOND_TO_GUEST).add(buffer);
        send(port(1), "request");
        driver.notify(SECOND_TO_GUEST);
        int before = driver.queue(SECOND_TO_GUEST).usedIndex();
        control(driver, 1, 6, 1);
        add(driver, SECOND_FROM_GUEST, "answer");

        assertThat(before).isZero();
        assertThat(received(driver, SECOND_TO_GUEST, buffer)).isEqualTo("request");
        assertThat(agent.text()).isEqualTo("answer");
        assertThat(console.text()).isEmpty();
    }

    @Test
    void keepsItsMessages_howeverOftenTheGuestAsks() {
        VirtioDriver driver = new VirtioDriver(this::pair).start(ALL);
        for (int i = 0; i < 1000; i++) {
            control(driver, 1, 3, 1);
            driver.queue(CONTROL_FROM_GUEST).take();
        }

        assertThat(answers(driver, 8)).hasSize(2);
    }

    @Test
    void ignoresMessagesThatMakeNoSense() {
        VirtioDriver driver = new VirtioDriver(this::pair).start(ALL);

        control(driver, 2, 3, 1);
        control(driver, -1, 6, 1);
        control(driver, 0, 99, 1);
        driver.queue(CONTROL_FROM_GUEST).add(driver.readable((byte) 1));
        driver.notify(CONTROL_FROM_GUEST);

        assertThat(driver.queue(CONTROL_FROM_GUEST).usedIndex()).isEqualTo(4);
        assertThat(driver.needsReset()).isFalse();
        assertThat(answers(driver, 2)).isEmpty();
    }

    @Test
    void isOneConsole_forADriverThatKnowsNoMore() {
        VirtioDriver driver = new VirtioDriver(this::pair).start(VirtioFeatures.VERSION_1);

        add(driver, FROM_GUEST, "plain");

        assertThat(console.text()).isEqualTo("plain");
    }

    @Test
    void tellsOfANewSize_byMessage() {
        VirtioDriver driver = new VirtioDriver(this::pair).start(ALL);
        devices.getFirst().resize('a' + ('b' << 8), 'c' + ('d' << 8));
        driver.loop().run();

        assertThat(answers(driver, 1)).containsExactly("port 0 event 5 value 1 abcd");
    }

    @Test
    void refusesToBeNoConsole() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new VirtioDriver(transport -> new VirtioConsole(transport, List.of())));
    }

    // ---- reset and state

    @Test
    void startsAfresh_whenReset() {
        VirtioDriver driver = new VirtioDriver(this::pair).start(ALL);
        control(driver, 1, 6, 1);
        driver.start(ALL);
        driver.queue(SECOND_TO_GUEST).add(driver.writable(10));
        send(port(1), "for whom it opens again");
        driver.notify(SECOND_TO_GUEST);

        assertThat(driver.queue(SECOND_TO_GUEST).usedIndex()).isZero();
    }

    @Test
    void goesOn_whenRestoredIntoANewDevice() {
        VirtioDriver driver = new VirtioDriver(this::pair).start(ALL);
        control(driver, 1, 6, 1);
        console.room = 2;
        add(driver, FROM_GUEST, "abcd");
        send(port(1), "unread");
        DeviceState state = driver.mmio().save();
        console.room = Long.MAX_VALUE;

        VirtioDriver other = new VirtioDriver(VirtioMmio.Version.MODERN, this::pair, driver.memory());
        other.mmio().restore(DeviceState.decode(state.encode()));
        DeviceState again = other.mmio().save();
        Buffer buffer = driver.writable(10);
        driver.queue(SECOND_TO_GUEST).add(buffer);
        other.loop().run();

        assertThat(again).isEqualTo(state);
        assertThat(console.text()).isEqualTo("abcd");
        assertThat(received(driver, SECOND_TO_GUEST, buffer)).isEqualTo("unread");
    }

    @Test
    void refusesAStateOfOtherPorts() {
        VirtioDriver one = new VirtioDriver(this::single);
        VirtioDriver two = new VirtioDriver(this::pair);

        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> two.mmio().device().restore(one.mmio().device().save()));
    }

    // ---- pause

    @Test
    void keepsWhatBothSidesSend_whileItIsPaused() {
        VirtioDriver driver = new VirtioDriver(this::single).start();
        Buffer buffer = driver.writable(10);
        driver.queue(TO_GUEST).add(buffer);
        driver.notify(TO_GUEST);
        driver.mmio().pause();

        send(port(0), "from host");
        add(driver, FROM_GUEST, "from guest");
        assertThat(driver.queue(TO_GUEST).poll()).isNull();
        assertThat(console.text()).isEmpty();

        driver.mmio().resume();
        driver.loop().run();
        assertThat(received(driver, TO_GUEST, buffer)).isEqualTo("from host");
        assertThat(console.text()).isEqualTo("from guest");
    }

    @Test
    void saysThatItIsFull_whileItIsPaused() {
        VirtioDriver driver = new VirtioDriver(this::single).start();
        driver.mmio().pause();

        assertThat(port(0).receive(new byte[100_000], 0, 100_000)).isEqualTo(ConsolePort.INPUT_CAPACITY);
        assertThat(port(0).receive(new byte[1], 0, 1)).isZero();
    }

    @Test
    void tellsTheNewSize_afterThePause() {
        VirtioDriver driver = new VirtioDriver(this::single).start();
        driver.mmio().pause();
        devices.getLast().resize(80, 25);
        driver.loop().run();
        assertThat(driver.config(0, 2)).isZero();

        driver.mmio().resume();
        driver.loop().run();
        assertThat(driver.config(0, 2)).isEqualTo(80);
        assertThat(driver.config(2, 2)).isEqualTo(25);
    }

    @Test
    void carriesEachByteOnceAndInOrder_overAHundredPauses() {
        VirtioDriver driver = new VirtioDriver(this::single).start();
        Buffer outgoing = driver.readable((byte) 'x');
        Buffer incoming = driver.writable(1);
        int[] counts = {0, 0, 0}; // sent by the guest, sent by the host, received by the guest

        HundredPauses.during(driver, () -> {
            if (driver.queue(FROM_GUEST).freeDescriptors() > 0) {
                driver.queue(FROM_GUEST).add(outgoing);
                counts[0]++;
            }
            if (driver.queue(TO_GUEST).freeDescriptors() > 0)
                driver.queue(TO_GUEST).add(incoming);
            counts[1] += port(0).receive(new byte[] {1}, 0, 1);
            driver.notify(FROM_GUEST);
            driver.notify(TO_GUEST);
            while (driver.queue(FROM_GUEST).poll() != null) {}
            while (driver.queue(TO_GUEST).poll() != null) counts[2]++;
        });
        for (boolean more = true; more; ) {
            while (driver.queue(TO_GUEST).poll() != null) counts[2]++;
            more = counts[2] < counts[1];
            driver.queue(TO_GUEST).add(incoming);
            driver.notify(TO_GUEST);
        }

        assertThat(console.text()).isEqualTo("x".repeat(counts[0]));
        assertThat(counts[2]).isEqualTo(counts[1]);
    }
}
