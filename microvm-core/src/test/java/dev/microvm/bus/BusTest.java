package dev.microvm.bus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.bus.Bus.Mapping;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class BusTest {
    private static final long TOP = 0x7fff_ffff_ffff_f000L;

    private final Bus bus = new Bus("test");
    private final Recorder low = new Recorder(0x11);
    private final Recorder next = new Recorder(0x22);
    private final Recorder high = new Recorder(0x33);

    @BeforeEach
    void addDevices() {
        bus.add(0x3f8, 8, "serial", next);
        bus.add(TOP, 0xfff, "high", high);
        bus.add(0x3f0, 8, "floppy", low); // right before serial
    }

    @ParameterizedTest
    @CsvSource({
        "0x3f0, 1, 0x11",
        "0x3f7, 1, 0x11",
        "0x3f0, 8, 0x11",
        "0x3f8, 1, 0x22",
        "0x3ff, 1, 0x22",
        "0x3fc, 4, 0x22",
        "0x7ffffffffffff000, 4, 0x33",
        "0x7ffffffffffffffe, 1, 0x33"
    })
    void findsADevice_whenTheAccessLiesInsideItsRange(long address, int size, long answer) {
        assertThat(bus.read(address, size)).isEqualTo(answer);
    }

    @ParameterizedTest
    @CsvSource({
        "0x3ef, 1, 0xff",
        "0x3ef, 2, 0xffff", // into the first device
        "0x3f7, 2, 0xffff", // from one device into the next
        "0x3f4, 8, -1",
        "0x3ff, 4, 0xffffffff", // out of the last
        "0x400, 1, 0xff",
        "0x0, 4, 0xffffffff",
        "0x7fffffffffffffff, 1, 0xff",
        "-1, 1, 0xff",
        "-1, 8, -1",
        "-0x8000000000000000, 1, 0xff",
        "-0x7ffffffffffffc10, 2, 0xffff" // 2^63 above the first device
    })
    void floatsHighBySize_whenNoDeviceCoversTheWholeAccess(long address, int size, long floating) {
        assertThat(bus.read(address, size)).isEqualTo(floating);
        bus.write(address, size, 0);
        assertThat(low.accesses).isEmpty();
        assertThat(next.accesses).isEmpty();
        assertThat(high.accesses).isEmpty();
    }

    @Test
    void floatsHigh_whenTheBusIsEmpty() {
        Bus empty = new Bus("empty");

        assertThat(empty.read(0, 2)).isEqualTo(0xffff);
        assertThat(empty.mappings()).isEmpty();
    }

    @Test
    void handsADeviceItsOffset_whenItIsReadAndWritten() {
        long answer = bus.read(0x3fa, 2);
        bus.write(0x3ff, 1, 0x5a);

        assertThat(answer).isEqualTo(0x22);
        assertThat(next.accesses).containsExactly("read 2+2", "write 7+1: 5a");
    }

    @ParameterizedTest
    @CsvSource({
        "0x3f8, 8, serial, 0x3f8, 8", // the same
        "0x3ff, 1, serial, 0x3f8, 8", // its last byte
        "0x3fc, 16, serial, 0x3f8, 8", // out of its end
        "0x3ef, 2, floppy, 0x3f0, 8", // into its start
        "0x0, 0x1000, floppy, 0x3f0, 8" // around all
    })
    void refusesADevice_whenItOverlapsAnother(long base, long size, String there, long thereBase, long thereSize) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> bus.add(base, size, "new", low))
                .withMessage(
                        "test bus: new at [0x%x, +0x%x) overlaps %s at [0x%x, +0x%x): choose a free range",
                        base, size, there, thereBase, thereSize);
        assertThat(bus.mappings()).hasSize(3);
    }

    @ParameterizedTest
    @CsvSource({"-1, 1", "0, 0", "0, -1", "0x7fffffffffffffff, 1", "1, 0x7fffffffffffffff"})
    void refusesARange_whenItIsEmptyOrWraps(long base, long size) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> bus.add(base, size, "new", low))
                .withMessage("test bus: range [0x%x, +0x%x) of new must not be empty or exceed 2^63", base, size);
    }

    @Test
    void listsDevices_byRisingAddress() {
        assertThat(bus.mappings()).extracting(Mapping::name).containsExactly("floppy", "serial", "high");
    }

    @Test
    void keepsItsMap_whenACallerChangesTheList() {
        List<Mapping> list = bus.mappings();

        assertThatExceptionOfType(UnsupportedOperationException.class).isThrownBy(list::clear);
        assertThat(bus.read(0x3f0, 1)).isEqualTo(0x11);
    }

    @Test
    void findsEveryDevice_whenThereAreMany() {
        Bus many = new Bus("many");
        IntStream.range(0, 100).forEach(i -> many.add((i * 37 % 100) * 16L, 16, "device", new Recorder(i * 37 % 100)));

        assertThat(IntStream.range(0, 1600).mapToLong(address -> many.read(address, 1)))
                .containsExactlyElementsOf(IntStream.range(0, 1600)
                        .mapToObj(address -> (long) (address / 16))
                        .toList());
    }

    @Test
    void answersOtherThreads_whileDevicesAreAdded() throws Exception {
        AtomicBoolean done = new AtomicBoolean();
        CompletableFuture<Long> wrong = CompletableFuture.supplyAsync(() -> wrongAnswers(done));

        IntStream.range(0, 2000)
                .forEach(i -> bus.add(0x10_0000 - i * 16L, 16, "device " + i, new Recorder(0x44))); // below the last
        done.set(true);

        assertThat(wrong.get(20, TimeUnit.SECONDS)).isZero();
        assertThat(bus.mappings()).hasSize(2003);
    }

    private long wrongAnswers(AtomicBoolean done) {
        long wrong = 0;
        while (!done.get()) {
            if (bus.read(0x3f0, 1) != 0x11 || bus.read(TOP, 4) != 0x33 || bus.read(0x500, 1) != 0xff) wrong++;
        }
        return wrong;
    }

    /** Answers every read with one value, and writes down what comes. */
    private static final class Recorder implements BusDevice {
        private final long answer;
        private final List<String> accesses = new ArrayList<>();

        Recorder(long answer) {
            this.answer = answer;
        }

        @Override
        public synchronized long read(long offset, int size) {
            if (accesses.size() < 100) accesses.add("read %d+%d".formatted(offset, size));
            return answer;
        }

        @Override
        public synchronized void write(long offset, int size, long value) {
            accesses.add("write %d+%d: %x".formatted(offset, size, value));
        }
    }
}
