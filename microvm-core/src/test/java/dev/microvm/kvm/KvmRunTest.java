package dev.microvm.kvm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.testing.RecordingHandler;
import dev.microvm.testing.RecordingHandler.Access;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** On a page that no kernel knows; offsets are those of struct kvm_run, api.rst section 5. */
final class KvmRunTest {
    private static final long PAGE_SIZE = 3 * 4096; // as KVM_GET_VCPU_MMAP_SIZE says on x86-64
    private static final long IMMEDIATE_EXIT = 1;
    private static final long EXIT_REASON = 8;
    private static final long READY_FOR_INTERRUPT = 12;
    private static final long EXIT = 32; // the union of what exits say
    private static final long IO_DATA = 4096;
    private static final long MMIO_DATA = EXIT + 8;
    private static final int IN = 0;
    private static final int OUT = 1;

    private static final int EXIT_INTERNAL_ERROR = 17;

    @AutoClose
    private final Arena arena = Arena.ofConfined();

    private final MemorySegment page = arena.allocate(PAGE_SIZE, 4096);
    private final KvmRun run = new KvmRun(page);
    private final RecordingHandler handler = new RecordingHandler();

    @ParameterizedTest
    @CsvSource({"1, 0x81", "2, 0x8281", "4, 0x84838281"})
    void handsAWriteToItsPort_whenTheGuestWrites(int size, long value) {
        io(OUT, size, 0xfff0, 1);
        page.set(JAVA_LONG, IO_DATA, 0x8887_8685_8483_8281L);

        run.serveIo(handler);

        assertThat(handler.writes()).containsExactly(new Access(0xfff0, size, value));
    }

    @ParameterizedTest
    @CsvSource({"1, 0x1111111111111181", "2, 0x1111111111118281", "4, 0x1111111184838281"})
    void putsTheAnswerInThePage_andNoByteMore_whenTheGuestReads(int size, long expected) {
        io(IN, size, 0x500, 1);
        page.set(JAVA_LONG, IO_DATA, 0x1111_1111_1111_1111L);
        handler.answer(nth -> 0x8887_8685_8483_8281L);

        run.serveIo(handler);

        assertThat(page.get(JAVA_LONG, IO_DATA)).isEqualTo(expected);
    }

    @Test
    void repeatsOnePort_whenTheGuestWritesAString() {
        io(OUT, 2, 0x500, 3);
        page.asSlice(IO_DATA, 6).copyFrom(MemorySegment.ofArray(new byte[] {1, 2, 3, 4, 5, 6}));

        run.serveIo(handler);

        assertThat(handler.writes())
                .containsExactly(
                        new Access(0x500, 2, 0x0201), new Access(0x500, 2, 0x0403), new Access(0x500, 2, 0x0605));
    }

    @Test
    void fillsThePageItemByItem_whenTheGuestReadsAString() {
        io(IN, 4, 0x500, 3);
        handler.answer(nth -> 0x0101_0101L * (nth + 1));

        run.serveIo(handler);

        assertThat(page.asSlice(IO_DATA, 16).toArray(JAVA_INT))
                .containsExactly(0x0101_0101, 0x0202_0202, 0x0303_0303, 0);
    }

    @Test
    void doesNothing_whenAStringIsEmpty() {
        io(OUT, 1, 0x500, 0);

        run.serveIo(handler);

        assertThat(handler.writes()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"1, 0x81", "2, 0x8281", "4, 0x84838281", "8, -0x7778797a7b7c7d7f"})
    void handsAWriteToItsAddress_whenItsSizeIsAPowerOfTwo(int size, long value) {
        mmio(0xd000_0000L, size, /* write= */ true);
        page.set(JAVA_LONG, MMIO_DATA, 0x8887_8685_8483_8281L);

        run.serveMmio(handler);

        assertThat(handler.writes()).containsExactly(new Access(0xd000_0000L, size, value));
    }

    @ParameterizedTest
    @CsvSource({"1, 0x81", "2, 0x8281", "4, 0x84838281", "8, -0x7778797a7b7c7d7f"})
    void readsOnce_whenASizeIsAPowerOfTwo(int size, long expected) {
        mmio(0xd000_0000L, size, /* write= */ false);
        handler.answer(nth -> nth == 0 ? 0x8887_8685_8483_8281L : 0);

        run.serveMmio(handler);

        assertThat(page.get(JAVA_LONG, MMIO_DATA)).isEqualTo(expected);
    }

    @Test
    void splitsAWrite_whenItsSizeIsOdd() {
        mmio(0xd000_0ffdL, 3, /* write= */ true);
        page.set(JAVA_LONG, MMIO_DATA, 0x8887_8685_8483_8281L);

        run.serveMmio(handler);

        assertThat(handler.writes())
                .containsExactly(
                        new Access(0xd000_0ffdL, 1, 0x81),
                        new Access(0xd000_0ffeL, 1, 0x82),
                        new Access(0xd000_0fffL, 1, 0x83));
    }

    @ParameterizedTest
    @CsvSource({"3, 0x030201", "5, 0x0504030201", "6, 0x060504030201", "7, 0x07060504030201"})
    void splitsARead_whenItsSizeIsNoPowerOfTwo(int size, long expected) {
        mmio(0xd000_0000L, size, /* write= */ false);
        handler.answer(nth -> nth + 1);

        run.serveMmio(handler);

        assertThat(page.get(JAVA_LONG, MMIO_DATA)).isEqualTo(expected);
    }

    @Test
    void asksKvmToReturn_whenKicked() {
        run.immediateExit(true);
        assertThat(page.get(JAVA_BYTE, IMMEDIATE_EXIT)).isEqualTo((byte) 1);

        run.immediateExit(false);
        assertThat(page.get(JAVA_BYTE, IMMEDIATE_EXIT)).isZero();
    }

    @ParameterizedTest
    @CsvSource({"false, 0, false", "false, 1, false", "true, 0, false", "true, 1, true"})
    void hasItsWindowOpen_whenItAskedAndTheGuestIsReady(boolean asked, byte ready, boolean open) {
        run.requestInterruptWindow(asked);
        page.set(JAVA_BYTE, READY_FOR_INTERRUPT, ready);

        assertThat(run.interruptWindowIsOpen()).isEqualTo(open);
    }

    @Test
    void asksForAnInterruptWindow_atTheFirstByte() {
        run.requestInterruptWindow(true);
        assertThat(page.get(JAVA_BYTE, 0)).isEqualTo((byte) 1);

        run.requestInterruptWindow(false);
        assertThat(page.get(JAVA_BYTE, 0)).isZero();
    }

    @Test
    void seesThatAnInterruptFits_whenKvmSaysSo() {
        assertThat(run.readyForInterrupt()).isFalse();

        page.set(JAVA_BYTE, READY_FOR_INTERRUPT, (byte) 1);

        assertThat(run.readyForInterrupt()).isTrue();
    }

    @Test
    void readsTheVectorUnsigned_whenAnInterruptEnds() {
        page.set(JAVA_BYTE, EXIT, (byte) 0xf1);

        assertThat(run.eoiVector()).isEqualTo(0xf1);
    }

    @ParameterizedTest
    @CsvSource({
        "1, KVM cannot emulate an instruction",
        "2, an exception struck during the delivery of another",
        "3, an exit struck during the delivery of an event",
        "4, the CPU gave an exit that KVM does not know",
        "5, no meaning known"
    })
    void saysWhatAnInternalErrorMeans(int suberror, String meaning) {
        page.set(JAVA_INT, EXIT_REASON, EXIT_INTERNAL_ERROR);
        page.set(JAVA_INT, EXIT, suberror);
        page.set(JAVA_INT, EXIT + 4, 2);
        page.set(JAVA_LONG, EXIT + 8, 0x1234);
        page.set(JAVA_LONG, EXIT + 16, -1);

        assertThat(KvmFailure.reason(run))
                .isEqualTo("KVM_EXIT_INTERNAL_ERROR suberror %d: %s; data 1234 ffffffffffffffff", suberror, meaning);
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "16, 16", "17, 16", "-1, 0", "-0x80000000, 0"})
    void readsNoMoreDataThanThereIs_whenKvmGivesACount(int count, int read) {
        page.set(JAVA_INT, EXIT + 4, count);

        assertThat(run.internalData()).hasSize(read);
    }

    @ParameterizedTest
    @CsvSource({
        "9, 'KVM_EXIT_FAIL_ENTRY: the CPU refused the guest''s state, hardware reason 0x80000021'",
        "0, KVM_EXIT_UNKNOWN: hardware exit reason 0x80000021",
        "99, unexpected KVM exit 99"
    })
    void saysWhyTheGuestCannotGoOn(int exit, String reason) {
        page.set(JAVA_INT, EXIT_REASON, exit);
        page.set(JAVA_LONG, EXIT, 0x8000_0021L);

        assertThat(KvmFailure.reason(run)).isEqualTo(reason);
    }

    private void io(int direction, int size, int port, int count) {
        page.set(JAVA_BYTE, EXIT, (byte) direction);
        page.set(JAVA_BYTE, EXIT + 1, (byte) size);
        page.set(JAVA_SHORT, EXIT + 2, (short) port);
        page.set(JAVA_INT, EXIT + 4, count);
        page.set(JAVA_LONG, EXIT + 8, IO_DATA);
    }

    private void mmio(long gpa, int size, boolean write) {
        page.set(JAVA_LONG, EXIT, gpa);
        page.set(JAVA_INT, EXIT + 16, size);
        page.set(JAVA_BYTE, EXIT + 20, (byte) (write ? 1 : 0));
    }
}
