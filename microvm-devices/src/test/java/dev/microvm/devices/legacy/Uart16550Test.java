package dev.microvm.devices.legacy;

import static dev.microvm.devices.legacy.Uart16550Registers.*;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.state.DeviceState;
import dev.microvm.testing.FakeIrqLine;
import dev.microvm.testing.ManualClock;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class Uart16550Test {
    private static final int FCR_TRIGGER_8 = 2 << FCR_TRIGGER_SHIFT;

    /** Four characters of 1 + 8 + 1 bits at 115200 baud: 347.2 us. */
    private static final long TIMEOUT_NANOS = 1_000_000_000L * 4 * 10 / 115_200;

    private final ManualClock clock = new ManualClock();
    private final FakeIrqLine irq = new FakeIrqLine();
    private final StringBuilder sent = new StringBuilder();
    private boolean outputFull;
    private final Uart16550 uart = new Uart16550(irq, this::offer, clock);

    private boolean offer(int character) {
        if (outputFull) return false;
        sent.append((char) character);
        return true;
    }

    // ---- registers

    @Test
    void readsResetValues_initially() {
        assertThat(uart.readByte(IER)).as("IER").isZero();
        assertThat(uart.readByte(IIR)).as("IIR").isEqualTo(IIR_NONE);
        assertThat(uart.readByte(LCR)).as("LCR").isZero();
        assertThat(uart.readByte(MCR)).as("MCR").isZero();
        assertThat(uart.readByte(LSR)).as("LSR").isEqualTo(LSR_THRE | LSR_TEMT);
        assertThat(uart.readByte(MSR)).as("MSR").isEqualTo(MSR_CTS | MSR_DSR | MSR_DCD);
        assertThat(irq.isHigh()).isFalse();
    }

    @Test
    void keepsScratch_whenWritten() {
        uart.writeByte(SCR, 0xa5);

        assertThat(uart.readByte(SCR)).isEqualTo(0xa5);
    }

    @Test
    void showsDivisor_whileDlabIsSet() {
        uart.writeByte(IER, IER_ELSI);
        uart.writeByte(LCR, LCR_DLAB);
        uart.writeByte(DLL, 0x34);
        uart.writeByte(DLM, 0x12);

        assertThat(uart.readByte(DLL)).isEqualTo(0x34);
        assertThat(uart.readByte(DLM)).isEqualTo(0x12);
        uart.writeByte(LCR, 0);
        assertThat(uart.readByte(IER)).isEqualTo(IER_ELSI);
        assertThat(sent).isEmpty();
    }

    @Test
    void readsUnusedBitsAsZero_whenWrittenAsOne() {
        uart.writeByte(IER, 0xff);
        uart.writeByte(MCR, 0xff);

        assertThat(uart.readByte(IER)).isEqualTo(0x0f);
        assertThat(uart.readByte(MCR)).isEqualTo(0x1f);
    }

    @Test
    void splitsIntoBytes_whenAccessIsWide() {
        uart.write(LCR, 4, 0x00_00_02_03L | (0xffL << 16));

        assertThat(uart.read(LCR, 2)).isEqualTo(0x0203);
        assertThat(uart.read(MSR, 2)).isEqualTo(MSR_CTS | MSR_DSR | MSR_DCD);
    }

    @Test
    void showsFifosInIir_whenEnabled() {
        uart.writeByte(FCR, FCR_ENABLE);

        assertThat(uart.readByte(IIR)).isEqualTo(IIR_FIFOS_ENABLED | IIR_NONE);
    }

    @Test
    void ignoresFcr_whenEnableBitIsClear() {
        uart.writeByte(FCR, FCR_ENABLE | FCR_TRIGGER_8);
        uart.writeByte(FCR, FCR_TRIGGER_8);

        assertThat(uart.readByte(IIR)).isEqualTo(IIR_NONE);
    }

    // ---- transmitter

    @Test
    void sendsAtOnce_whenThrIsWritten() {
        uart.writeByte(THR, 'h');
        uart.writeByte(THR, 'i');

        assertThat(sent).hasToString("hi");
        assertThat(uart.readByte(LSR)).isEqualTo(LSR_THRE | LSR_TEMT);
    }

    @Test
    void interrupts_whenEtbeiIsSetAndThrIsEmpty() {
        uart.writeByte(IER, IER_ETBEI);

        assertThat(irq.isHigh()).isTrue();
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_THR_EMPTY);
        assertThat(irq.isHigh()).as("after IIR was read").isFalse();
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_NONE);
    }

    /**
     * Linux's test for a THRE bug: set the bit, clear it, set it; the interrupt must be there
     * twice.
     */
    @Test
    void interruptsAgain_whenEtbeiIsClearedAndSet() {
        uart.writeByte(IER, IER_ETBEI);
        int first = uart.readByte(IIR);
        uart.writeByte(IER, 0);
        uart.writeByte(IER, IER_ETBEI);

        assertThat(first).isEqualTo(IIR_THR_EMPTY);
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_THR_EMPTY);
    }

    @Test
    void makesNewEdge_whenThrIsWrittenWithoutReadingIir() {
        uart.writeByte(IER, IER_ETBEI);
        int before = irq.risingEdges();

        uart.writeByte(THR, 'x');

        assertThat(irq.risingEdges()).isEqualTo(before + 1);
        assertThat(irq.isHigh()).isTrue();
    }

    @Test
    void staysBusy_whileOutputIsFull() {
        uart.writeByte(FCR, FCR_ENABLE);
        outputFull = true;
        uart.writeByte(THR, 'a');
        uart.writeByte(THR, 'b');

        assertThat(uart.readByte(LSR) & (LSR_THRE | LSR_TEMT)).isZero();

        outputFull = false;
        uart.outputReady();
        assertThat(sent).hasToString("ab");
        assertThat(uart.readByte(LSR)).isEqualTo(LSR_THRE | LSR_TEMT);
    }

    @Test
    void interrupts_whenFullOutputIsReadyAgain() {
        outputFull = true;
        uart.writeByte(IER, IER_ETBEI);
        uart.writeByte(THR, 'a');
        boolean whileFull = irq.isHigh();

        outputFull = false;
        uart.outputReady();

        assertThat(whileFull).isFalse();
        assertThat(irq.isHigh()).isTrue();
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_THR_EMPTY);
    }

    @Test
    void losesCharacters_whenGuestWritesToFullTransmitter() {
        outputFull = true;
        uart.writeByte(THR, 'a');
        uart.writeByte(THR, 'b'); // no FIFO: one place

        outputFull = false;
        uart.outputReady();

        assertThat(sent).hasToString("a");
    }

    @Test
    void keepsRest_whenOutputFillsAgain() {
        uart.writeByte(FCR, FCR_ENABLE);
        outputFull = true;
        uart.writeByte(THR, 'a');
        uart.outputReady();

        assertThat(sent).isEmpty();
        assertThat(uart.readByte(LSR) & LSR_THRE).isZero();
    }

    // ---- receiver

    @Test
    void showsDataReady_whenCharacterArrives() {
        uart.receive('q');

        assertThat(uart.readByte(LSR) & LSR_DR).isEqualTo(LSR_DR);
        assertThat(uart.readByte(RBR)).isEqualTo('q');
        assertThat(uart.readByte(LSR) & LSR_DR).isZero();
    }

    @Test
    void interruptsUntilRead_whenCharacterArrivesWithoutFifo() {
        uart.writeByte(IER, IER_ERBFI);
        uart.receive('q');

        assertThat(irq.isHigh()).isTrue();
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_DATA_AVAILABLE);
        assertThat(irq.isHigh()).as("reading IIR does not clear it").isTrue();
        uart.readByte(RBR);
        assertThat(irq.isHigh()).isFalse();
    }

    @Test
    void interruptsAtTriggerLevel_whenFifoFills() {
        uart.writeByte(FCR, FCR_ENABLE | FCR_TRIGGER_8);
        uart.writeByte(IER, IER_ERBFI);
        give("1234567");
        boolean belowLevel = irq.isHigh();

        uart.receive('8');

        assertThat(belowLevel).isFalse();
        assertThat(irq.isHigh()).isTrue();
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_FIFOS_ENABLED | IIR_DATA_AVAILABLE);
        uart.readByte(RBR);
        assertThat(irq.isHigh()).as("one below the level again").isFalse();
    }

    @ParameterizedTest
    @CsvSource({"0, 1", "1, 4", "2, 8", "3, 14"})
    void interruptsAtEachTriggerLevel(int code, int level) {
        uart.writeByte(FCR, FCR_ENABLE | (code << FCR_TRIGGER_SHIFT));
        uart.writeByte(IER, IER_ERBFI);
        give("x".repeat(level - 1));
        boolean belowLevel = irq.isHigh();

        uart.receive('x');

        assertThat(belowLevel).isFalse();
        assertThat(irq.isHigh()).isTrue();
    }

    @Test
    void timesOut_fourCharacterTimesAfterLastCharacter() {
        setBaud115200();
        uart.writeByte(FCR, FCR_ENABLE | FCR_TRIGGER_8);
        uart.writeByte(IER, IER_ERBFI);
        uart.receive('1');
        clock.advance(TIMEOUT_NANOS - 1);
        uart.receive('2');
        clock.advance(TIMEOUT_NANOS - 1);
        boolean before = irq.isHigh();

        clock.advance(1);

        assertThat(before).isFalse();
        assertThat(irq.isHigh()).isTrue();
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_FIFOS_ENABLED | IIR_TIMEOUT);
    }

    @Test
    void clearsTimeoutAndStartsItAnew_whenOneCharacterIsRead() {
        setBaud115200();
        uart.writeByte(FCR, FCR_ENABLE | FCR_TRIGGER_8);
        uart.writeByte(IER, IER_ERBFI);
        give("12");
        clock.advance(TIMEOUT_NANOS);

        uart.readByte(RBR);

        assertThat(irq.isHigh()).isFalse();
        clock.advance(TIMEOUT_NANOS);
        assertThat(irq.isHigh()).isTrue();
    }

    @Test
    void doesNotTimeOut_whenFifoIsEmpty() {
        uart.writeByte(FCR, FCR_ENABLE | FCR_TRIGGER_8);
        uart.writeByte(IER, IER_ERBFI);
        uart.receive('1');
        uart.readByte(RBR);

        clock.advance(1_000_000_000);

        assertThat(irq.risingEdges()).isZero();
        assertThat(clock.armedTimers()).isZero();
    }

    @Test
    void timesOutAtOnce_whenMadeWithoutTimers() {
        Uart16550 timeless = new Uart16550(irq, this::offer);
        timeless.writeByte(MCR, MCR_OUT2);
        timeless.writeByte(FCR, FCR_ENABLE | FCR_TRIGGER_8);
        timeless.writeByte(IER, IER_ERBFI);
        timeless.receive('1');

        assertThat(timeless.readByte(IIR)).isEqualTo(IIR_FIFOS_ENABLED | IIR_TIMEOUT);
        assertThat(irq.isHigh()).isTrue();
        timeless.readByte(RBR);
        assertThat(irq.isHigh()).isFalse();
    }

    @Test
    void losesNothing_whenHostSendsMoreThanFifoHolds() {
        uart.writeByte(FCR, FCR_ENABLE);
        String text = "the quick brown fox jumps over the lazy dog";
        give(text);

        assertThat(drain()).isEqualTo(text);
        assertThat(uart.readByte(LSR) & LSR_OE).isZero();
    }

    @Test
    void refusesAndCallsBack_whenInputQueueFills() {
        AtomicInteger calls = new AtomicInteger();
        uart.onInputSpace(calls::incrementAndGet);
        byte[] much = new byte[Uart16550.INPUT_CAPACITY + 100];

        int taken = uart.receive(much, 0, much.length);

        assertThat(taken).isEqualTo(Uart16550.INPUT_CAPACITY);
        assertThat(uart.inputSpace()).as("one is in RBR").isEqualTo(1);
        drain();
        assertThat(calls).hasValue(1);
        assertThat(uart.inputSpace()).isEqualTo(Uart16550.INPUT_CAPACITY);
    }

    @Test
    void emptiesFifo_whenReceiverIsReset() {
        uart.writeByte(FCR, FCR_ENABLE);
        give("abc");

        uart.writeByte(FCR, FCR_ENABLE | FCR_RESET_RECEIVER);

        assertThat(uart.readByte(LSR) & LSR_DR).isZero();
    }

    @Test
    void losesWhatWaits_whenTransmitterIsReset() {
        uart.writeByte(FCR, FCR_ENABLE);
        uart.writeByte(IER, IER_ETBEI);
        uart.readByte(IIR);
        outputFull = true;
        uart.writeByte(THR, 'a');
        uart.writeByte(THR, 'b');
        boolean busy = irq.isHigh();

        uart.writeByte(FCR, FCR_ENABLE | FCR_RESET_TRANSMITTER);

        assertThat(busy).isFalse();
        assertThat(uart.readByte(LSR) & LSR_THRE).isEqualTo(LSR_THRE);
        assertThat(irq.isHigh()).as("empty again").isTrue();
        outputFull = false;
        uart.outputReady();
        assertThat(sent).isEmpty();
    }

    @Test
    void emptiesBothFifos_whenFifosAreSwitched() {
        uart.writeByte(FCR, FCR_ENABLE);
        give("abc");
        outputFull = true;
        uart.writeByte(THR, 'x');

        uart.writeByte(FCR, 0);

        assertThat(uart.readByte(LSR)).isEqualTo(LSR_THRE | LSR_TEMT);
    }

    @Test
    void showsBreakWithItsCharacter_whenHostSendsOne() {
        uart.writeByte(FCR, FCR_ENABLE);
        uart.writeByte(IER, IER_ELSI);
        uart.receive('a');
        uart.receiveBreak();
        int statusBefore = uart.readByte(LSR);

        uart.readByte(RBR);

        assertThat(statusBefore).as("BI not at the top yet").isEqualTo(LSR_DR | LSR_THRE | LSR_TEMT | LSR_FIFO_ERROR);
        assertThat(irq.isHigh()).isTrue();
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_FIFOS_ENABLED | IIR_LINE_STATUS);
        assertThat(uart.readByte(LSR)).isEqualTo(LSR_DR | LSR_BI | LSR_THRE | LSR_TEMT | LSR_FIFO_ERROR);
        assertThat(irq.isHigh()).as("LSR was read").isFalse();
        assertThat(uart.readByte(RBR)).isZero();
    }

    // ---- interrupts

    @Test
    void showsSourcesByPriority_whenAllWait() {
        uart.writeByte(IER, IER_MASK);
        uart.receiveBreak();
        uart.modemLines(false, true, false, true);

        assertThat(uart.readByte(IIR)).isEqualTo(IIR_LINE_STATUS);
        uart.readByte(LSR);
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_DATA_AVAILABLE);
        uart.readByte(RBR);
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_THR_EMPTY);
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_MODEM_STATUS);
        uart.readByte(MSR);
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_NONE);
    }

    @Test
    void keepsThrInterrupt_whenIirShowsHigherSource() {
        uart.writeByte(IER, IER_ERBFI | IER_ETBEI);
        uart.receive('a');

        assertThat(uart.readByte(IIR)).isEqualTo(IIR_DATA_AVAILABLE);
        uart.readByte(RBR);
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_THR_EMPTY);
    }

    /** As in QEMU: xv6 and others never set OUT2. */
    @Test
    void interrupts_whateverOut2Is() {
        uart.writeByte(MCR, 0);
        uart.writeByte(IER, IER_ERBFI);
        uart.receive('a');
        boolean withoutOut2 = irq.isHigh();

        uart.writeByte(MCR, MCR_OUT2);

        assertThat(withoutOut2).isTrue();
        assertThat(irq.isHigh()).isTrue();
        assertThat(irq.risingEdges()).isEqualTo(1);
    }

    // ---- modem and loopback

    @Test
    void setsDeltas_whenModemLinesChange() {
        uart.modemLines(false, false, true, false);

        assertThat(uart.readByte(MSR)).isEqualTo(MSR_RI | MSR_DCTS | MSR_DDSR | MSR_DDCD);
        assertThat(uart.readByte(MSR)).as("second read").isEqualTo(MSR_RI);
    }

    @Test
    void setsTeri_onlyWhenRingEnds() {
        uart.modemLines(true, true, true, true);
        int ringing = uart.readByte(MSR);

        uart.modemLines(true, true, false, true);

        assertThat(ringing & MSR_TERI).isZero();
        assertThat(uart.readByte(MSR) & MSR_TERI).isEqualTo(MSR_TERI);
    }

    @Test
    void returnsCharacters_whenLoopedBack() {
        uart.writeByte(MCR, MCR_LOOP);
        uart.writeByte(THR, 0xae);

        assertThat(uart.readByte(RBR)).isEqualTo(0xae);
        assertThat(sent).isEmpty();
    }

    @Test
    void wiresModemOutputsToInputs_whenLoopedBack() {
        uart.writeByte(MCR, MCR_LOOP | MCR_RTS | MCR_OUT2);

        assertThat(uart.readByte(MSR) & ~MSR_DELTAS).isEqualTo(MSR_CTS | MSR_DCD);
        uart.writeByte(MCR, MCR_LOOP | MCR_DTR | MCR_OUT1);
        assertThat(uart.readByte(MSR) & ~MSR_DELTAS).isEqualTo(MSR_DSR | MSR_RI);
    }

    /** Data sheet, "Modem control register": interrupts work in the diagnostic mode. */
    @Test
    void interrupts_whenLoopedBack() {
        uart.writeByte(MCR, MCR_LOOP);
        uart.writeByte(IER, IER_ETBEI);

        assertThat(irq.risingEdges()).isEqualTo(1);
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_THR_EMPTY);
    }

    @Test
    void overruns_whenLoopedBackWithoutFifo() {
        uart.writeByte(MCR, MCR_LOOP);
        uart.writeByte(THR, 'a');
        uart.writeByte(THR, 'b');

        assertThat(uart.readByte(LSR) & LSR_OE).isEqualTo(LSR_OE);
        assertThat(uart.readByte(LSR) & LSR_OE).as("second read").isZero();
        assertThat(uart.readByte(RBR)).as("the new one replaces the old").isEqualTo('b');
    }

    @Test
    void keepsFifo_whenLoopedBackOverruns() {
        uart.writeByte(FCR, FCR_ENABLE);
        uart.writeByte(MCR, MCR_LOOP);
        "0123456789abcdefX".chars().forEach(c -> uart.writeByte(THR, c));

        assertThat(uart.readByte(LSR) & LSR_OE).isEqualTo(LSR_OE);
        assertThat(drain()).isEqualTo("0123456789abcdef");
    }

    @Test
    void holdsHostInput_whileLoopedBack() {
        uart.writeByte(MCR, MCR_LOOP);
        uart.receive('h');
        int during = uart.readByte(LSR) & LSR_DR;

        uart.writeByte(MCR, 0);

        assertThat(during).isZero();
        assertThat(uart.readByte(RBR)).isEqualTo('h');
    }

    // ---- flow of what is received

    @Test
    void holdsInput_whileTheGuestLowersRts() {
        uart.writeByte(MCR, MCR_RTS);
        uart.writeByte(MCR, 0);
        give("held");
        String during = drain();

        uart.writeByte(MCR, MCR_RTS);

        assertThat(during).isEmpty();
        assertThat(drain()).isEqualTo("held");
    }

    @Test
    void leavesWhatIsInTheFifo_whenTheGuestLowersRts() {
        uart.writeByte(FCR, FCR_ENABLE);
        uart.writeByte(MCR, MCR_RTS);
        give("0123456789abcdefheld");

        uart.writeByte(MCR, 0);

        assertThat(drain()).isEqualTo("0123456789abcdef");
    }

    @Test
    void givesInput_toAGuestThatNeverUsesRts() {
        uart.writeByte(MCR, MCR_OUT2);
        give("given");

        assertThat(drain()).isEqualTo("given");
    }

    @Test
    void givesInput_afterALoopbackTestWithRts() {
        uart.writeByte(MCR, MCR_LOOP | MCR_RTS);
        uart.writeByte(MCR, 0);
        give("given");

        assertThat(drain()).isEqualTo("given");
    }

    @Test
    void pausesAfterABurst_asLongAsTheGuestTookToReadIt() {
        give("x".repeat(2 * UartReceivePauses.BURST));

        String burst = drainSlowly(10);
        long took = 10L * (UartReceivePauses.BURST - 2); // until the last of the burst came, two reads before this
        clock.advance(took - 2 * 10 - 1);
        String during = drain();
        clock.advance(1);

        assertThat(burst).hasSize(UartReceivePauses.BURST);
        assertThat(during).isEmpty();
        assertThat(drain()).hasSize(UartReceivePauses.BURST);
    }

    @Test
    void doesNotPause_whenTheGuestKeepsUp() {
        for (int i = 0; i < 2 * UartReceivePauses.BURST; i++) {
            give("x");
            clock.advance(1_000);
            assertThat(drain()).isEqualTo("x");
        }
    }

    @Test
    void pausesNotForLong_whenABurstWasLeftUnread() {
        give("x".repeat(2 * UartReceivePauses.BURST));
        clock.advance(3_600_000_000_000L);
        drainSlowly(1);

        clock.advance(UartReceivePauses.LONGEST);

        assertThat(drain()).isNotEmpty();
    }

    @Test
    void inheritsWhatAnotherPortHasNotGivenItsGuest() {
        give("1234");
        Uart16550 next = new Uart16550(new FakeIrqLine(), this::offer, clock);

        next.inherit(uart);

        assertThat(next.readByte(RBR)).as("the 1 was in RBR").isEqualTo('2');
        assertThat(next.inputSpace()).isEqualTo(Uart16550.INPUT_CAPACITY - 1);
        assertThat(uart.inputSpace()).isEqualTo(Uart16550.INPUT_CAPACITY);
    }

    // ---- state

    @Test
    void continuesIdentically_whenRestoredInMidWork() {
        setBaud115200();
        uart.writeByte(FCR, FCR_ENABLE | FCR_TRIGGER_8);
        uart.writeByte(IER, IER_MASK);
        uart.readByte(IIR);
        give("abc");
        outputFull = true;
        uart.writeByte(THR, 'z');
        clock.advance(TIMEOUT_NANOS / 2);
        DeviceState state = DeviceState.decode(uart.save().encode());
        FakeIrqLine otherIrq = new FakeIrqLine();
        Uart16550 other = new Uart16550(otherIrq, this::offer, clock);

        other.restore(state);

        assertThat(other.save()).isEqualTo(state);
        assertThat(otherIrq.isHigh()).isFalse();
        clock.advance(TIMEOUT_NANOS / 2 + 1);
        assertThat(otherIrq.isHigh()).as("timed out").isTrue();
        assertThat(other.readByte(IIR)).isEqualTo(IIR_FIFOS_ENABLED | IIR_TIMEOUT);
        assertThat(other.readByte(RBR)).isEqualTo('a');
        assertThat(other.readByte(LSR) & LSR_THRE).isZero();
        outputFull = false;
        other.outputReady();
        assertThat(sent).hasToString("z");
    }

    @Test
    void refusesState_whenOfAnotherDevice() {
        assertThatIllegalArgumentException().isThrownBy(() -> uart.restore(new DeviceState("mc146818", 1)));
    }

    @Test
    void keepsHostsInput_whenReset() {
        uart.writeByte(LCR, 3);
        give("abc");

        uart.reset();

        assertThat(uart.readByte(LCR)).isZero();
        assertThat(drain()).as("the first was in RBR").isEqualTo("bc");
    }

    /** Linux's autoconfig: loopback with RTS and OUT2 must read back as CTS and DCD. */
    @Test
    void passesLoopbackTest_ofLinux() {
        uart.writeByte(MCR, MCR_LOOP | 0x0a);

        assertThat(uart.readByte(MSR) & 0xf0).isEqualTo(0x90);
    }

    @Test
    void losesNothing_whenHostThreadSendsAMegabyte() throws InterruptedException {
        byte[] all = new byte[1 << 20];
        new Random(1).nextBytes(all);
        Semaphore space = new Semaphore(0);
        uart.onInputSpace(space::release);
        uart.writeByte(FCR, FCR_ENABLE);
        Thread host = new Thread(() -> sendAll(all, space), "host");
        host.start();

        byte[] received = new byte[all.length];
        for (int i = 0; i < received.length; ) {
            if ((uart.readByte(LSR) & LSR_DR) == 0) Thread.onSpinWait();
            else received[i++] = (byte) uart.readByte(RBR);
        }
        host.join();

        assertThat(received).isEqualTo(all);
    }

    private void sendAll(byte[] all, Semaphore space) {
        for (int sent = 0; sent < all.length; ) {
            int taken = uart.receive(all, sent, all.length - sent);
            sent += taken;
            if (sent < all.length) space.acquireUninterruptibly();
        }
    }

    @Test
    void neverThrows_whenAccessedAtRandom() {
        Random random = new Random(0x16550);
        for (int i = 0; i < 300_000; i++) {
            randomStep(random);
            if (sent.length() > 1000) sent.setLength(0);
        }
        assertThat(clock.armedTimers()).isLessThanOrEqualTo(2);
    }

    private void randomStep(Random random) {
        int size = 1 << random.nextInt(3);
        int offset = random.nextInt(SCR + 2 - size);
        switch (random.nextInt(16)) {
            case 0 -> uart.receive(random.nextInt());
            case 1 -> outputFull = random.nextBoolean();
            case 2 -> uart.outputReady();
            case 3 -> clock.advance(random.nextInt(1_000_000));
            case 4 -> uart.restore(uart.save());
            case 5, 6, 7, 8, 9 -> uart.read(offset, size);
            default -> uart.write(offset, size, random.nextLong());
        }
    }

    // ---- helpers

    private void setBaud115200() {
        uart.writeByte(LCR, LCR_DLAB);
        uart.writeByte(DLL, 1);
        uart.writeByte(DLM, 0);
        uart.writeByte(LCR, LCR_WORD_LENGTH);
    }

    private void give(String text) {
        byte[] bytes = text.getBytes(US_ASCII);
        uart.receive(bytes, 0, bytes.length);
    }

    /** Reads until nothing is there, and lets time pass after each character. */
    private String drainSlowly(long nanos) {
        StringBuilder text = new StringBuilder();
        while ((uart.readByte(LSR) & LSR_DR) != 0) {
            text.append((char) uart.readByte(RBR));
            clock.advance(nanos);
        }
        return text.toString();
    }

    private String drain() {
        StringBuilder text = new StringBuilder();
        while ((uart.readByte(LSR) & LSR_DR) != 0) text.append((char) uart.readByte(RBR));
        return text.toString();
    }
}
