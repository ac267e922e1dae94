package dev.microvm.devices.virtio.balloon;

import static dev.microvm.devices.virtio.VirtioMmio.NOTIFY_REGISTER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.devices.virtio.testing.HundredPauses;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.linux.MappedMemory;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.DeviceState;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class VirtioBalloonTest {
    private static final int INFLATE = 0;
    private static final int DEFLATE = 1;
    private static final int STATISTICS = 2;
    private static final int REPORTING_WITHOUT_GAP = 3;
    private static final int REPORTING = 4;

    private static final long STATS_VQ = 1 << 1;
    private static final long DEFLATE_ON_OOM = 1 << 2;
    private static final long FREE_PAGE_HINT = 1 << 3;
    private static final long PAGE_POISON = 1 << 4;
    private static final long PAGE_REPORTING = 1 << 5;

    private static final int TARGET = 0; // in the configuration space
    private static final int ACTUAL = 4;
    private static final int HINTING = 8;
    private static final int POISON = 12;

    private static final int STATUS_REGISTER = 0x70; // section 4.2.2
    private static final int PAGE = 4096;
    private static final long ROM = 0x200_0000;
    private static final Instant NOW = Instant.ofEpochSecond(1_000_000);
    private static final Duration INTERVAL = Duration.ofSeconds(5);

    /** What was given back: guest-physical, as RAM begins at 0. */
    private record Range(long gpa, long size) {}

    private final List<Range> discarded = new ArrayList<>();
    private int changes; // of the size that the guest reports
    private final List<VirtioBalloon> devices = new ArrayList<>();

    private VirtioBalloon device(VirtioTransport transport, VirtioBalloonOptions options) {
        MemoryDiscard discard = (memory, offset, length) -> discarded.add(new Range(offset, length));
        VirtioBalloon made = new VirtioBalloon(transport, options, discard, InstantSource.fixed(NOW), () -> changes++);
        devices.add(made);
        return made;
    }

    private VirtioBalloon device(VirtioTransport transport) {
        return device(transport, VirtioBalloonOptions.DEFAULT);
    }

    private VirtioBalloon device() {
        return devices.getLast();
    }

    /** A buffer with the numbers of pages. */
    private static Buffer pages(VirtioDriver driver, int... numbers) {
        ByteBuffer bytes = ByteBuffer.allocate(Integer.BYTES * numbers.length).order(ByteOrder.LITTLE_ENDIAN);
        for (int number : numbers) bytes.putInt(number);
        return driver.readable(bytes.array());
    }

    private static void give(VirtioDriver driver, int queue, Buffer... buffers) {
        driver.queue(queue).add(buffers);
        driver.notify(queue);
    }

    /** One statistic as it lies in a buffer: 10 bytes. */
    private record Statistic(int tag, long value) {
        static Buffer buffer(VirtioDriver driver, Statistic... statistics) {
            ByteBuffer bytes = ByteBuffer.allocate(10 * statistics.length).order(ByteOrder.LITTLE_ENDIAN);
            for (Statistic each : statistics) bytes.putShort((short) each.tag).putLong(each.value);
            return driver.readable(bytes.array());
        }
    }

    // ---- inflating and deflating: 5.5.6

    @Test
    void givesBackWhatTheGuestGivesUp_neighboursTogether() {
        VirtioDriver driver = new VirtioDriver(this::device).start();

        give(driver, INFLATE, pages(driver, 100, 101, 102, 50, 49, 48, 7));

        assertThat(discarded)
                .containsExactly(
                        new Range(100 * PAGE, 3 * PAGE), new Range(48 * PAGE, 3 * PAGE), new Range(7 * PAGE, PAGE));
        assertThat(driver.queue(INFLATE).take().written()).isZero();
    }

    @Test
    void readsNumbersOfPages_howeverTheBufferIsCut() {
        VirtioDriver driver = new VirtioDriver(this::device).start();

        give(driver, INFLATE, driver.readable((byte) 5), driver.readable((byte) 1, (byte) 0, (byte) 0, (byte) 6));

        assertThat(discarded).containsExactly(new Range(0x105 * PAGE, PAGE)); // the last byte is no number
    }

    @Test
    void ignoresPagesThatAreNotRam_andTakesOneTwice() {
        Arena arena = Arena.ofAuto();
        GuestMemory memory = new GuestMemory(List.of(
                new GuestMemoryRegion(0, arena.allocate(VirtioDriver.MEMORY, PAGE), false),
                new GuestMemoryRegion(ROM, arena.allocate(PAGE, PAGE), true)));
        VirtioDriver driver = new VirtioDriver(VirtioMmio.Version.MODERN, this::device, memory).start();
        int last = VirtioDriver.MEMORY / PAGE - 1;

        give(driver, INFLATE, pages(driver, last, last + 1, (int) (ROM / PAGE), -1, last, 0x8000_0000, 0));

        assertThat(discarded)
                .containsExactly(
                        new Range((long) last * PAGE, PAGE), new Range((long) last * PAGE, PAGE), new Range(0, PAGE));
        assertThat(driver.needsReset()).isFalse();
    }

    @Test
    void doesNotJoinPagesOfDifferentMemories() {
        Arena arena = Arena.ofAuto();
        GuestMemory memory = new GuestMemory(List.of(
                new GuestMemoryRegion(0, arena.allocate(VirtioDriver.MEMORY, PAGE), false),
                new GuestMemoryRegion(VirtioDriver.MEMORY, arena.allocate(PAGE, PAGE), false)));
        VirtioDriver driver = new VirtioDriver(VirtioMmio.Version.MODERN, this::device, memory).start();
        int last = VirtioDriver.MEMORY / PAGE - 1;

        give(driver, INFLATE, pages(driver, last, last + 1));

        assertThat(discarded).containsExactly(new Range((long) last * PAGE, PAGE), new Range(0, PAGE));
    }

    @Test
    void leavesTheLoopToOthers_whileItTakesManyPages() {
        VirtioDriver driver = new VirtioDriver(this::device).start();
        driver.queue(INFLATE)
                .add(pages(
                        driver,
                        IntStream.range(0, 10_000).map(i -> 2 * (i % 1000)).toArray()));
        int[] meanwhile = {0};

        driver.write(NOTIFY_REGISTER, INFLATE);
        driver.loop().execute(() -> meanwhile[0] = discarded.size());
        driver.loop().run();

        assertThat(meanwhile[0]).isEqualTo(4096);
        assertThat(discarded).hasSize(10_000);
        assertThat(discarded.get(4096)).isEqualTo(new Range(2 * 96 * PAGE, PAGE));
        assertThat(driver.queue(INFLATE).usedIndex()).isEqualTo(1);
    }

    @Test
    void acknowledgesPagesThatTheGuestTakesBack() {
        VirtioDriver driver = new VirtioDriver(this::device).start();

        give(driver, DEFLATE, pages(driver, 100, -1));

        assertThat(driver.queue(DEFLATE).take().written()).isZero();
        assertThat(discarded).isEmpty();
    }

    @Test
    void tellsTheGuestOfANewTarget() {
        VirtioDriver driver = new VirtioDriver(this::device).start();

        device().targetMiB(3);
        driver.loop().run();

        assertThat(driver.config(TARGET, 4)).isEqualTo(3 * 256);
        assertThat(driver.acknowledge()).isEqualTo(2); // the configuration has changed
        assertThat(device().targetMiB()).isEqualTo(3);
    }

    @Test
    void tellsTheHostHowLargeItIs() {
        VirtioDriver driver = new VirtioDriver(this::device).start();

        driver.writeConfig(ACTUAL, 4, 3 * 256 - 1);
        driver.writeConfig(TARGET, 4, 1234); // not the driver's

        assertThat(device().actualMiB()).isEqualTo(2);
        assertThat(changes).isEqualTo(1);
        assertThat(driver.config(ACTUAL, 4)).isEqualTo(3 * 256 - 1);
        assertThat(driver.config(TARGET, 4)).isZero();
        driver.start();
        assertThat(device().actualMiB()).as("after a reset").isZero();
    }

    @Test
    void waitsForTheLastByte_whereADriverWritesThemOneByOne() {
        VirtioDriver driver = new VirtioDriver(VirtioMmio.Version.LEGACY, this::device).start();

        driver.writeConfig(ACTUAL, 1, 0);
        driver.writeConfig(ACTUAL + 1, 1, 1);
        driver.writeConfig(ACTUAL + 2, 1, 2);
        int before = device().actualMiB();
        driver.writeConfig(ACTUAL + 3, 1, 0);

        assertThat(before).isZero();
        assertThat(device().actualMiB()).isEqualTo(0x201);
        assertThat(changes).isEqualTo(1);
    }

    @Test
    void offersWhatItIsToldTo() {
        VirtioDriver all = new VirtioDriver(this::device);
        VirtioDriver least = new VirtioDriver(transport -> device(
                transport, VirtioBalloonOptions.DEFAULT.deflateOnOom(false).freePageReporting(false)));

        assertThat(all.offered() & 0xffff).isEqualTo(STATS_VQ | DEFLATE_ON_OOM | PAGE_POISON | PAGE_REPORTING);
        assertThat(all.mmio().queueCount()).isEqualTo(5);
        assertThat(least.offered() & 0xffff).isEqualTo(STATS_VQ);
        assertThat(least.mmio().queueCount()).isEqualTo(3);
    }

    // ---- free page reporting: 5.5.6.7

    @Test
    void givesBackPagesThatAreReported_inEitherQueue() {
        VirtioDriver driver = new VirtioDriver(this::device).start();

        give(driver, REPORTING, Buffer.writable(0x20_0000, 0x20_0000), Buffer.writable(0x80_0000, 0x10_0000));
        give(driver, REPORTING_WITHOUT_GAP, Buffer.writable(0x60_0000, 0x20_0000));

        assertThat(discarded)
                .containsExactly(
                        new Range(0x20_0000, 0x20_0000),
                        new Range(0x80_0000, 0x10_0000),
                        new Range(0x60_0000, 0x20_0000));
        assertThat(driver.queue(REPORTING).take().written()).isZero();
        assertThat(driver.queue(REPORTING_WITHOUT_GAP).take().written()).isZero();
    }

    @Test
    void leavesPagesAsTheyAre_whoseContentTheGuestCountsOn() {
        VirtioDriver driver = new VirtioDriver(this::device).start();
        driver.writeConfig(POISON, 4, 0xaaaa_aaaaL);
        give(driver, REPORTING, Buffer.writable(0x20_0000, 0x20_0000));
        int before = discarded.size();
        driver.writeConfig(POISON, 4, 0);
        give(driver, REPORTING, Buffer.writable(0x20_0000, 0x20_0000));

        assertThat(before).isZero();
        assertThat(discarded).hasSize(1);
        assertThat(driver.queue(REPORTING).usedIndex()).isEqualTo(2);
    }

    @Test
    void needsAReset_whenWhatIsReportedIsNoMemory() {
        VirtioDriver driver = new VirtioDriver(this::device).start();

        give(driver, REPORTING, Buffer.writable(VirtioDriver.MEMORY - PAGE, 2 * PAGE));

        assertThat(driver.needsReset()).isTrue();
        assertThat(discarded).isEmpty();
    }

    @Test
    void givesItsPagesToTheHost() {
        MemorySegment ram = MappedMemory.anonymous(VirtioDriver.MEMORY, Arena.ofAuto());
        ram.asSlice(0x20_0000).fill((byte) 1);
        VirtioDriver driver = new VirtioDriver(
                        VirtioMmio.Version.MODERN,
                        transport -> new VirtioBalloon(
                                transport,
                                VirtioBalloonOptions.DEFAULT,
                                MemoryDiscard.ofHost(),
                                InstantSource.system(),
                                () -> {}),
                        new GuestMemory(List.of(new GuestMemoryRegion(0, ram, false))))
                .start();

        give(driver, INFLATE, pages(driver, 0x300, 0x301));
        give(driver, REPORTING, Buffer.writable(0x40_0001, 2 * PAGE));

        assertThat(driver.memory().read(0x30_0000, 2 * PAGE)).containsOnly(0);
        assertThat(driver.memory().getByte(0x2f_ffff)).isEqualTo(1);
        assertThat(driver.memory().getByte(0x30_2000)).isEqualTo(1);
        assertThat(driver.memory().read(0x40_1000, PAGE)).containsOnly(0);
        assertThat(driver.memory().getByte(0x40_0fff)).isEqualTo(1);
        assertThat(driver.memory().getByte(0x40_2000)).isEqualTo(1);
    }

    // ---- statistics: 5.5.6.3

    @Test
    void tellsWhatTheGuestSaysOfItsMemory() {
        VirtioDriver driver = new VirtioDriver(this::device).start();

        give(
                driver,
                STATISTICS,
                Statistic.buffer(
                        driver,
                        new Statistic(9, 90),
                        new Statistic(0, 1),
                        new Statistic(1, 10),
                        new Statistic(2, 20),
                        new Statistic(3, 30),
                        new Statistic(1234, 5678),
                        new Statistic(10, 100),
                        new Statistic(15, 150),
                        new Statistic(4, 40),
                        new Statistic(5, -1),
                        new Statistic(7, 70),
                        new Statistic(8, 80)));

        assertThat(device().statistics())
                .contains(new BalloonStatistics(
                        NOW,
                        OptionalLong.of(1),
                        OptionalLong.of(10),
                        OptionalLong.of(20),
                        OptionalLong.of(30),
                        OptionalLong.of(40),
                        OptionalLong.of(-1),
                        OptionalLong.empty(),
                        OptionalLong.of(70),
                        OptionalLong.of(80),
                        OptionalLong.of(90),
                        OptionalLong.of(100),
                        OptionalLong.empty(),
                        OptionalLong.empty(),
                        OptionalLong.empty(),
                        OptionalLong.empty(),
                        OptionalLong.of(150)));
        assertThat(driver.queue(STATISTICS).usedIndex()).as("kept, to ask by").isZero();
    }

    @Test
    void asksForStatisticsAtOnce_andThenByAnotherInterval() {
        VirtioDriver driver = new VirtioDriver(this::device).start();
        give(driver, STATISTICS, Statistic.buffer(driver, new Statistic(4, 1)));
        device().statisticsInterval(INTERVAL.multipliedBy(2));
        driver.loop().run();
        driver.queue(STATISTICS).take();
        give(driver, STATISTICS, Statistic.buffer(driver, new Statistic(4, 2)));

        driver.loop().clock().advance(2 * INTERVAL.toNanos() - 1);
        driver.loop().run();
        assertThat(driver.queue(STATISTICS).poll()).isNull();
        driver.loop().clock().advance(1);
        driver.loop().run();
        driver.queue(STATISTICS).take();
    }

    @Test
    void asksForStatistics_eachTimeTheIntervalHasPassed() {
        VirtioDriver driver = new VirtioDriver(this::device).start();
        give(driver, STATISTICS, Statistic.buffer(driver, new Statistic(4, 1)));

        for (int round = 2; round < 5; round++) {
            driver.loop().clock().advance(INTERVAL.toNanos() - 1);
            driver.loop().run();
            assertThat(driver.queue(STATISTICS).poll()).isNull();
            driver.loop().clock().advance(1);
            driver.loop().run();
            driver.queue(STATISTICS).take();
            assertThat(driver.irq().takeRisingEdges()).isEqualTo(1);
            driver.acknowledge();
            driver.queue(STATISTICS).wantInterruptAfter(round - 1);

            give(driver, STATISTICS, Statistic.buffer(driver, new Statistic(4, round)));

            assertThat(device().statistics().orElseThrow().freeBytes()).hasValue(round);
        }
    }

    @Test
    void waitsForADriver_thatDoesNotAnswer() {
        VirtioDriver driver = new VirtioDriver(this::device).start();
        give(driver, STATISTICS, Statistic.buffer(driver, new Statistic(4, 1)));

        for (int i = 0; i < 10; i++) {
            driver.loop().clock().advance(INTERVAL.toNanos());
            driver.loop().run();
        }

        assertThat(driver.queue(STATISTICS).usedIndex()).isEqualTo(1);
        assertThat(device().statistics().orElseThrow().freeBytes()).hasValue(1);
    }

    @Test
    void asksOnlyOnce_ifItIsToldTo() {
        VirtioDriver driver = new VirtioDriver(
                        transport -> device(transport, VirtioBalloonOptions.DEFAULT.statisticsInterval(Duration.ZERO)))
                .start();
        give(driver, STATISTICS, Statistic.buffer(driver, new Statistic(4, 1)));
        driver.loop().clock().advance(Duration.ofDays(2).toNanos());
        driver.loop().run();

        assertThat(device().statistics().orElseThrow().freeBytes()).hasValue(1);
        assertThat(driver.queue(STATISTICS).usedIndex()).isZero();
    }

    @Test
    void takesOneBufferOfStatisticsAtATime_howeverManyThereAre() {
        VirtioDriver driver = new VirtioDriver(this::device).start();
        for (int i = 1; i <= 3; i++) {
            give(driver, STATISTICS, Statistic.buffer(driver, new Statistic(4, i)));
        }
        long first = device().statistics().orElseThrow().freeBytes().orElseThrow();
        driver.loop().clock().advance(INTERVAL.toNanos());
        driver.loop().run();

        assertThat(first).isEqualTo(1);
        assertThat(device().statistics().orElseThrow().freeBytes()).hasValue(2);
        assertThat(driver.queue(STATISTICS).usedIndex()).isEqualTo(1);
    }

    @Test
    void ignoresTheFirstStatistics_ofALegacyDriver() {
        VirtioDriver driver = new VirtioDriver(VirtioMmio.Version.LEGACY, this::device).start();

        give(driver, STATISTICS, Statistic.buffer(driver, new Statistic(4, 1)));
        boolean known = device().statistics().isPresent();
        driver.loop().clock().advance(INTERVAL.toNanos());
        driver.loop().run();
        give(driver, STATISTICS, Statistic.buffer(driver, new Statistic(4, 2)));

        assertThat(known).isFalse();
        assertThat(device().statistics().orElseThrow().freeBytes()).hasValue(2);
    }

    @Test
    void takesABufferWithoutStatistics_forWhatItIs() {
        VirtioDriver driver = new VirtioDriver(this::device).start();

        give(driver, STATISTICS, driver.readable(new byte[9]), driver.writable(100));

        assertThat(device().statistics().orElseThrow().freeBytes()).isEmpty();
        assertThat(driver.needsReset()).isFalse();
    }

    // ---- reset and state

    @Test
    void startsAfresh_whenReset() {
        VirtioDriver driver = new VirtioDriver(this::device).start();
        driver.queue(INFLATE).add(pages(driver, IntStream.range(0, 5000).toArray()));
        driver.write(NOTIFY_REGISTER, INFLATE);
        give(driver, STATISTICS, Statistic.buffer(driver, new Statistic(4, 1)));
        driver.start();
        discarded.clear();

        give(driver, INFLATE, pages(driver, 9));
        driver.loop().clock().advance(INTERVAL.toNanos());
        driver.loop().run();

        assertThat(discarded).containsExactly(new Range(9 * PAGE, PAGE));
        assertThat(device().statistics()).isEmpty();
        assertThat(driver.queue(STATISTICS).usedIndex()).isZero();
    }

    @Test
    void forgetsAChainThatWasBegun_whenReset() {
        VirtioDriver driver = new VirtioDriver(this::device).start();
        driver.queue(INFLATE).add(pages(driver, IntStream.range(0, 5000).toArray()));
        driver.write(NOTIFY_REGISTER, INFLATE);
        driver.loop().execute(() -> driver.write(STATUS_REGISTER, 0)); // between its turns
        driver.loop().run();
        driver.start();
        discarded.clear();

        give(driver, INFLATE, pages(driver, 9));

        assertThat(discarded).containsExactly(new Range(9 * PAGE, PAGE));
    }

    @Test
    void goesOn_whenRestoredIntoANewDevice() {
        VirtioDriver driver = new VirtioDriver(this::device).start();
        device().targetMiB(2);
        driver.loop().run();
        driver.writeConfig(POISON, 4, 7);
        driver.writeConfig(ACTUAL, 4, 256);
        give(driver, STATISTICS, Statistic.buffer(driver, new Statistic(4, 1)));
        DeviceState state = driver.mmio().save();

        VirtioDriver other = new VirtioDriver(VirtioMmio.Version.MODERN, this::device, driver.memory());
        other.mmio().restore(DeviceState.decode(state.encode()));
        DeviceState again = other.mmio().save();
        other.loop().run();
        boolean known = device().statistics().isPresent();
        other.loop().clock().advance(INTERVAL.toNanos());
        other.loop().run();
        driver.queue(REPORTING).add(Buffer.writable(0x20_0000, 0x20_0000));
        other.notify(REPORTING);

        assertThat(again).isEqualTo(state);
        assertThat(device().targetMiB()).isEqualTo(2);
        assertThat(device().actualMiB()).isEqualTo(1);
        assertThat(known).isTrue();
        assertThat(driver.queue(STATISTICS).usedIndex()).as("it asks again").isEqualTo(1);
        assertThat(discarded).as("poisoned pages").isEmpty();
    }

    // ---- free page hinting: 5.5.6.5

    private VirtioBalloon hinting(VirtioTransport transport) {
        return device(transport, VirtioBalloonOptions.DEFAULT.freePageHinting(true));
    }

    private static Buffer number(VirtioDriver driver, long request) {
        return driver.readable((byte) request, (byte) 0, (byte) 0, (byte) 0);
    }

    private VirtioDriver askedForFreeMemory(boolean release) {
        VirtioDriver driver = new VirtioDriver(this::hinting).start();
        assertThat(driver.offered() & FREE_PAGE_HINT).isNotZero();
        device().startHinting(release);
        driver.loop().run();
        return driver;
    }

    @Test
    void givesBackWhatTheGuestNames_whenItIsAsked() {
        VirtioDriver driver = askedForFreeMemory(true);
        long request = driver.config(HINTING, 4);

        give(driver, REPORTING_WITHOUT_GAP, number(driver, request));
        give(driver, REPORTING_WITHOUT_GAP, Buffer.writable(0x20_0000, 0x40_0000));
        boolean completeBefore = device().hints().complete();
        give(driver, REPORTING_WITHOUT_GAP, number(driver, FreePageHints.NONE));

        assertThat(request).isEqualTo(2);
        assertThat(discarded).containsExactly(new Range(0x20_0000, 0x40_0000));
        assertThat(completeBefore).isFalse();
        assertThat(device().hints()).isEqualTo(new FreePageHints(FreePageHints.RELEASED, OptionalInt.of(0)));
        assertThat(driver.config(HINTING, 4)).as("the guest may use it").isEqualTo(FreePageHints.RELEASED);
        assertThat(driver.queue(REPORTING_WITHOUT_GAP).usedIndex()).isEqualTo(3);
    }

    @Test
    void letsTheGuestHoldItsFreeMemory_untilItIsReleased() {
        VirtioDriver driver = askedForFreeMemory(false);
        give(driver, REPORTING_WITHOUT_GAP, number(driver, 2));
        give(driver, REPORTING_WITHOUT_GAP, number(driver, FreePageHints.NONE));
        long before = driver.config(HINTING, 4);
        device().releaseHinted();
        driver.loop().run();
        give(driver, REPORTING_WITHOUT_GAP, Buffer.writable(0x20_0000, 0x40_0000));

        assertThat(before).isEqualTo(2);
        assertThat(driver.config(HINTING, 4)).isEqualTo(FreePageHints.RELEASED);
        assertThat(discarded).as("what comes late may be in use").isEmpty();
    }

    @Test
    void leavesWhatIsNamedForAnEarlierRequest_orForNone() {
        VirtioDriver driver = askedForFreeMemory(true);
        give(driver, REPORTING_WITHOUT_GAP, Buffer.writable(0x20_0000, 0x40_0000));
        give(driver, REPORTING_WITHOUT_GAP, number(driver, 2));
        device().startHinting(true);
        driver.loop().run();
        give(driver, REPORTING_WITHOUT_GAP, Buffer.writable(0x20_0000, 0x40_0000));

        assertThat(driver.config(HINTING, 4)).isEqualTo(3);
        assertThat(discarded).isEmpty();
    }

    @Test
    void reportsByTheSpecifiedQueue_whileItHints() {
        VirtioDriver driver = new VirtioDriver(this::hinting).start();

        give(driver, REPORTING, Buffer.writable(0x20_0000, 0x20_0000));

        assertThat(device().hintingAccepted()).isTrue();
        assertThat(discarded).containsExactly(new Range(0x20_0000, 0x20_0000));
    }

    @Test
    void releasesAndCountsOn_whenRestoredIntoANewDevice() {
        VirtioDriver driver = askedForFreeMemory(false);
        DeviceState state = driver.mmio().save();
        VirtioDriver other = new VirtioDriver(VirtioMmio.Version.MODERN, this::hinting, driver.memory());
        other.mmio().restore(DeviceState.decode(state.encode()));
        other.loop().run();
        long restored = other.config(HINTING, 4);
        device().startHinting(true);
        other.loop().run();

        assertThat(restored).isEqualTo(FreePageHints.RELEASED);
        assertThat(other.config(HINTING, 4)).isEqualTo(3);
    }

    // ---- pause

    @Test
    void waitsWithPagesAndItsTarget_whileItIsPaused() {
        VirtioDriver driver = new VirtioDriver(this::device).start();
        driver.mmio().pause();

        give(driver, INFLATE, pages(driver, 7));
        device().targetMiB(4);
        driver.loop().run();
        assertThat(discarded).isEmpty();
        assertThat(driver.config(TARGET, 4)).isZero();

        driver.mmio().resume();
        driver.loop().run();
        assertThat(discarded).containsExactly(new Range(7 * PAGE, PAGE));
        assertThat(driver.config(TARGET, 4)).isEqualTo(1024);
    }

    @Test
    void asksForStatisticsByTheTimeThatTheMachineRuns() {
        VirtioDriver driver = new VirtioDriver(this::device).start();
        give(driver, STATISTICS, Statistic.buffer(driver, new Statistic(4, 1)));
        driver.loop().clock().advance(INTERVAL.toNanos() - 1);

        driver.mmio().pause();
        driver.loop().clock().advance(100 * INTERVAL.toNanos());
        driver.mmio().resume();
        driver.loop().run();
        assertThat(driver.queue(STATISTICS).poll()).as("a nanosecond is left").isNull();

        driver.loop().clock().advance(1);
        driver.loop().run();
        driver.queue(STATISTICS).take();
    }

    @Test
    void givesBackEachPageOnce_overAHundredPauses() {
        VirtioDriver driver = new VirtioDriver(this::device).start();
        Buffer page = pages(driver, 7);
        int[] given = {0};

        HundredPauses.during(driver, () -> {
            if (driver.queue(INFLATE).freeDescriptors() > 0) {
                driver.queue(INFLATE).add(page);
                given[0]++;
            }
            driver.notify(INFLATE);
            while (driver.queue(INFLATE).poll() != null) {}
        });

        assertThat(discarded).hasSize(given[0]);
    }
}
