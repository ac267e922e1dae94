package dev.microvm.devices.irqchip;

import static dev.microvm.devices.irqchip.I8259Registers.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.devices.legacy.ByteDevice;
import dev.microvm.state.DeviceState;
import dev.microvm.testing.FakeIrqLine;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class I8259PicTest {
    private static final int MASTER_BASE = 0x30;
    private static final int SLAVE_BASE = 0x38;
    private static final int EOI = 0x20;
    private static final int SPECIFIC_EOI = 0x60;
    private static final int ROTATE_EOI = 0xa0;
    private static final int ROTATE_SPECIFIC_EOI = 0xe0;
    private static final int SET_PRIORITY = 0xc0;
    private static final int ROTATE_AEOI_SET = 0x80;
    private static final int ROTATE_AEOI_CLEAR = 0x00;
    private static final int READ_IRR = OCW3 | OCW3_RR;
    private static final int READ_ISR = OCW3 | OCW3_RR | OCW3_RIS;
    private static final int POLL = OCW3 | OCW3_P;
    private static final int SPECIAL_MASK = OCW3 | OCW3_ESMM | OCW3_SMM;

    private final FakeIrqLine intr = new FakeIrqLine();
    private final I8259Pic pic = new I8259Pic(intr);

    // ---- initialization

    @Test
    void interruptsNothing_beforeItIsInitialized() {
        raise(3);

        assertThat(intr.isHigh()).isFalse();
    }

    @Test
    void givesVectorOfIcw2_whenInitialized() {
        initialize();
        raise(3);

        assertThat(intr.isHigh()).isTrue();
        assertThat(pic.acknowledge()).isEqualTo(MASTER_BASE + 3);
        assertThat(intr.isHigh()).isFalse();
    }

    @Test
    void ignoresLowBitsOfVector_inIcw2() {
        initialize(0);
        command(0x11);
        mask(0x37);
        mask(1 << CASCADE_INPUT);
        mask(1);
        raise(1);

        assertThat(pic.acknowledge()).isEqualTo(0x31);
    }

    @Test
    void takesNoIcw3_whenSingle() {
        command(ICW1 | ICW1_SNGL | ICW1_IC4);
        mask(MASTER_BASE);
        mask(1); // ICW4
        mask(0xfe); // OCW1

        assertThat(pic.master().readByte(MASK)).isEqualTo(0xfe);
    }

    @Test
    void takesNoIcw4_whenIc4IsClear() {
        command(ICW1);
        mask(MASTER_BASE);
        mask(1 << CASCADE_INPUT);
        mask(0xfe); // OCW1

        assertThat(pic.master().readByte(MASK)).isEqualTo(0xfe);
    }

    @Test
    void forgetsMaskServiceAndEdges_whenInitializedAgain() {
        initialize();
        raise(4);
        pic.acknowledge();
        raise(3);
        mask(0xf0);

        initialize();

        assertThat(pic.master().readByte(MASK)).isZero();
        assertThat(isr()).isZero();
        assertThat(irr())
                .as("the line is high still, but an edge must come anew")
                .isZero();
    }

    @Test
    void forgetsPrioritiesAndModes_whenInitializedAgain() {
        initialize(ICW4_AEOI);
        command(SET_PRIORITY | 3);
        command(ROTATE_AEOI_SET);
        command(SPECIAL_MASK);
        command(OCW3 | OCW3_RR | OCW3_RIS);
        initialize();

        raise(3);
        assertThat(pic.master().readByte(COMMAND)).as("IRR again").isEqualTo(1 << 3);
        raise(4);
        assertThat(pic.acknowledge()).as("not the lowest any more").isEqualTo(MASTER_BASE + 3);
        mask(1 << 3);
        assertThat(intr.isHigh()).as("no special mask mode any more").isFalse();
    }

    @Test
    void forgetsModesOfIcw4_whenInitializedWithoutIt() {
        initialize(ICW4_AEOI);
        command(ICW1);
        mask(MASTER_BASE);
        mask(1 << CASCADE_INPUT);
        raise(4);

        pic.acknowledge();

        assertThat(isr()).as("no automatic EOI any more").isEqualTo(1 << 4);
    }

    @Test
    void staysQuiet_whileInitializationIsUnderWay() {
        initialize();
        command(0x11);
        raise(3);
        boolean during = intr.isHigh();
        mask(MASTER_BASE);
        mask(1 << CASCADE_INPUT);
        mask(1);

        assertThat(during).isFalse();
        assertThat(intr.isHigh()).isTrue();
    }

    @Test
    void treatsAllAsLevels_whenLtimIsSet() {
        command(0x11 | ICW1_LTIM);
        mask(MASTER_BASE);
        mask(1 << CASCADE_INPUT);
        mask(1);
        raise(3);
        pic.acknowledge();
        command(EOI);

        assertThat(intr.isHigh()).as("the line is high still").isTrue();
    }

    // ---- requests, masks and priorities

    @Test
    void showsRequestAndService_inIrrAndIsr() {
        initialize();
        raise(3);
        int irrBefore = irr();

        pic.acknowledge();

        assertThat(irrBefore).isEqualTo(1 << 3);
        assertThat(irr()).isZero();
        assertThat(isr()).isEqualTo(1 << 3);
    }

    @Test
    void holdsRequestBack_whileMasked() {
        initialize();
        mask(1 << 3);
        raise(3);
        boolean masked = intr.isHigh();

        mask(0);

        assertThat(masked).isFalse();
        assertThat(intr.isHigh()).isTrue();
    }

    @Test
    void takesHighestFirst_whenSeveralWait() {
        initialize();
        raise(6);
        raise(1);
        raise(4);

        assertThat(pic.acknowledge()).isEqualTo(MASTER_BASE + 1);
        command(EOI);
        assertThat(pic.acknowledge()).isEqualTo(MASTER_BASE + 4);
        command(EOI);
        assertThat(pic.acknowledge()).isEqualTo(MASTER_BASE + 6);
    }

    @Test
    void letsOnlyHigherIn_whileOneIsInService() {
        initialize();
        raise(4);
        pic.acknowledge();
        raise(5);
        boolean lower = intr.isHigh();

        raise(3);

        assertThat(lower).isFalse();
        assertThat(intr.isHigh()).isTrue();
        assertThat(pic.acknowledge()).isEqualTo(MASTER_BASE + 3);
    }

    @Test
    void needsNewEdge_whenEdgeTriggered() {
        initialize();
        raise(3);
        pic.acknowledge();
        command(EOI);
        boolean stillHigh = intr.isHigh();

        lower(3);
        raise(3);

        assertThat(stillHigh).isFalse();
        assertThat(intr.isHigh()).isTrue();
    }

    @Test
    void remembersEdge_whenLineFallsBeforeAcknowledge() {
        initialize();
        pic.input(3).pulse();

        assertThat(pic.acknowledge()).isEqualTo(MASTER_BASE + 3);
    }

    @Test
    void interruptsAgain_whenLevelIsHighAtEoi() {
        initialize();
        pic.elcr().writeByte(0, 1 << 5);
        raise(5);
        pic.acknowledge();
        boolean inService = intr.isHigh();
        command(EOI);
        boolean afterEoi = intr.isHigh();

        lower(5);

        assertThat(inService).isFalse();
        assertThat(afterEoi).isTrue();
        assertThat(intr.isHigh()).isFalse();
    }

    @Test
    void keepsEdgeInputs_whenElcrIsWritten() {
        pic.elcr().write(0, 2, 0xffff);

        assertThat(pic.elcr().read(0, 2)).isEqualTo(0xdef8);
    }

    // ---- spurious

    @Test
    void givesInput7_whenLevelIsGoneBeforeAcknowledge() {
        initialize();
        pic.elcr().writeByte(0, 1 << 5);
        raise(5);
        lower(5);

        assertThat(pic.acknowledge()).isEqualTo(MASTER_BASE + 7);
        assertThat(isr()).as("not in service").isZero();
    }

    @Test
    void givesInput15_whenSlavesLevelIsGoneBeforeAcknowledge() {
        initialize();
        pic.elcr().writeByte(1, 1 << 2);
        raise(10);
        lower(10);

        assertThat(pic.acknowledge()).isEqualTo(SLAVE_BASE + 7);
        assertThat(slaveIsr()).isZero();
        assertThat(isr()).as("the master served its cascade input").isEqualTo(1 << CASCADE_INPUT);
    }

    // ---- end of interrupt and rotation

    @Test
    void endsHighestInService_onNonSpecificEoi() {
        initialize();
        raise(5);
        pic.acknowledge();
        raise(2 + 1);
        pic.acknowledge();

        command(EOI);

        assertThat(isr()).isEqualTo(1 << 5);
    }

    @Test
    void endsNamedInput_onSpecificEoi() {
        initialize();
        raise(5);
        pic.acknowledge();
        raise(3);
        pic.acknowledge();

        command(SPECIFIC_EOI | 5);

        assertThat(isr()).isEqualTo(1 << 3);
    }

    @Test
    void makesEndedLowest_onRotatingEoi() {
        initialize();
        raise(4);
        pic.acknowledge();
        command(ROTATE_EOI);
        lower(4);
        raise(4);
        raise(5);

        assertThat(pic.acknowledge()).isEqualTo(MASTER_BASE + 5);
    }

    @Test
    void makesNamedLowest_onRotatingSpecificEoi() {
        initialize();
        raise(3);
        pic.acknowledge();
        command(ROTATE_SPECIFIC_EOI | 3);
        lower(3);
        raise(3);
        raise(7);

        assertThat(pic.acknowledge()).isEqualTo(MASTER_BASE + 7);
        assertThat(isr()).isEqualTo(1 << 7);
    }

    @Test
    void makesNamedLowest_onSetPriority() {
        initialize();
        command(SET_PRIORITY | 5); // 6 is highest, then 7, 0, 1...
        raise(0);
        raise(6);
        raise(5);

        assertThat(pic.acknowledge()).isEqualTo(MASTER_BASE + 6);
        command(EOI);
        assertThat(pic.acknowledge()).isEqualTo(MASTER_BASE + 0);
        command(EOI);
        assertThat(pic.acknowledge()).isEqualTo(MASTER_BASE + 5);
    }

    @Test
    void keepsNothingInService_withAutomaticEoi() {
        initialize(ICW4_AEOI);
        raise(4);
        pic.acknowledge();

        assertThat(isr()).isZero();
        raise(6);
        assertThat(intr.isHigh()).isTrue();
    }

    @Test
    void rotatesAtEachAcknowledge_inRotateOnAutomaticEoi() {
        initialize(ICW4_AEOI);
        command(ROTATE_AEOI_SET);
        raise(4);
        pic.acknowledge();
        raise(3);
        raise(5);
        int rotated = pic.acknowledge();
        command(ROTATE_AEOI_CLEAR);
        pic.acknowledge();
        pic.input(5).pulse();
        pic.input(6).pulse();
        pic.input(7).pulse();

        assertThat(rotated).as("5 follows 4").isEqualTo(MASTER_BASE + 5);
        assertThat(pic.acknowledge()).as("5 is lowest since").isEqualTo(MASTER_BASE + 6);
        assertThat(pic.acknowledge()).as("6 did not become lowest").isEqualTo(MASTER_BASE + 7);
    }

    // ---- special modes

    @Test
    void letsLowerIn_inSpecialMaskModeWhenServiceIsMasked() {
        initialize();
        raise(3);
        pic.acknowledge();
        raise(5);
        mask(1 << 3);
        boolean before = intr.isHigh();

        command(SPECIAL_MASK);

        assertThat(before).isFalse();
        assertThat(intr.isHigh()).isTrue();
        assertThat(pic.acknowledge()).isEqualTo(MASTER_BASE + 5);
    }

    @Test
    void passesMaskedOver_onNonSpecificEoiInSpecialMaskMode() {
        initialize();
        raise(3);
        pic.acknowledge();
        mask(1 << 3);
        command(SPECIAL_MASK);
        raise(5);
        pic.acknowledge();

        command(EOI);

        assertThat(isr()).isEqualTo(1 << 3);
    }

    @Test
    void leavesSpecialMaskMode_whenTold() {
        initialize();
        raise(3);
        pic.acknowledge();
        raise(5);
        mask(1 << 3);
        command(SPECIAL_MASK);

        command(OCW3 | OCW3_ESMM);

        assertThat(intr.isHigh()).isFalse();
    }

    @Test
    void letsHigherOfSameSlaveIn_inSpecialFullyNestedMode() {
        initialize(ICW4_SFNM);
        raise(12);
        pic.acknowledge();
        raise(9);

        assertThat(intr.isHigh()).isTrue();
        assertThat(pic.acknowledge()).isEqualTo(SLAVE_BASE + 1);
    }

    @Test
    void keepsLowerOut_inSpecialFullyNestedMode() {
        initialize(ICW4_SFNM);
        raise(12);
        pic.acknowledge();
        raise(5);

        assertThat(intr.isHigh()).isFalse();
    }

    // ---- cascade

    @Test
    void givesSlavesVector_whenRequestIsItsOwn() {
        initialize();
        raise(12);

        assertThat(irr()).isEqualTo(1 << CASCADE_INPUT);
        assertThat(pic.acknowledge()).isEqualTo(SLAVE_BASE + 4);
        assertThat(isr()).isEqualTo(1 << CASCADE_INPUT);
        assertThat(slaveIsr()).isEqualTo(1 << 4);
    }

    @Test
    void keepsHigherOfSameSlaveOut_untilBothAreEnded() {
        initialize();
        raise(12);
        pic.acknowledge();
        raise(9);
        boolean inService = intr.isHigh();
        slaveCommand(EOI);
        command(EOI);

        assertThat(inService).isFalse();
        assertThat(intr.isHigh()).isTrue();
        assertThat(pic.acknowledge()).isEqualTo(SLAVE_BASE + 1);
    }

    @Test
    void deliversAll_whenSeveralWaitBehindSlaveWithAutomaticEoi() {
        initialize();
        slaveCommand(0x11);
        pic.slave().writeByte(MASK, SLAVE_BASE);
        pic.slave().writeByte(MASK, CASCADE_INPUT);
        pic.slave().writeByte(MASK, 1 | ICW4_AEOI);
        raise(9);
        raise(12);
        int first = pic.acknowledge();
        command(EOI);

        assertThat(first).isEqualTo(SLAVE_BASE + 1);
        assertThat(intr.isHigh()).isTrue();
        assertThat(pic.acknowledge()).isEqualTo(SLAVE_BASE + 4);
    }

    @Test
    void keepsSlaveOut_whenCascadeIsMasked() {
        initialize();
        mask(1 << CASCADE_INPUT);
        raise(12);

        assertThat(intr.isHigh()).isFalse();
    }

    @Test
    void refusesInput_whenItIsTheCascade() {
        assertThatIllegalArgumentException().isThrownBy(() -> pic.input(2)).withMessageContaining("IRQ 2");
        assertThatIllegalArgumentException().isThrownBy(() -> pic.input(16)).withMessageContaining("IRQ 16");
    }

    // ---- poll

    @Test
    void acknowledges_whenPolled() {
        initialize();
        raise(3);
        command(POLL);

        assertThat(pic.master().readByte(COMMAND)).isEqualTo(POLL_REQUEST | 3);
        assertThat(isr()).isEqualTo(1 << 3);
        assertThat(intr.isHigh()).isFalse();
    }

    @Test
    void showsNoRequest_whenPolledWithout() {
        initialize();
        command(POLL);

        assertThat(pic.master().readByte(COMMAND) & POLL_REQUEST).isZero();
        command(READ_IRR);
        assertThat(pic.master().readByte(COMMAND)).as("one read only").isZero();
    }

    @Test
    void findsSlavesRequest_whenBothArePolled() {
        initialize();
        raise(12);
        command(POLL);
        int master = pic.master().readByte(COMMAND);
        slaveCommand(POLL);

        assertThat(master).isEqualTo(POLL_REQUEST | CASCADE_INPUT);
        assertThat(pic.slave().readByte(COMMAND)).isEqualTo(POLL_REQUEST | 4);
    }

    // ---- state

    @Test
    void continuesIdentically_whenRestoredInMidWork() {
        initialize();
        raise(12);
        pic.acknowledge();
        raise(9);
        raise(1);
        slaveCommand(0x11); // and ICW2 to come
        DeviceState state = DeviceState.decode(pic.save().encode());
        FakeIrqLine otherIntr = new FakeIrqLine();
        I8259Pic other = new I8259Pic(otherIntr);

        other.restore(state);

        assertThat(other.save()).isEqualTo(state);
        assertThat(otherIntr.isHigh()).isTrue();
        assertThat(other.acknowledge()).isEqualTo(pic.acknowledge());
        other.slave().writeByte(MASK, 0x70);
        pic.slave().writeByte(MASK, 0x70);
        assertThat(other.save()).isEqualTo(pic.save());
    }

    @Test
    void interruptsNothing_afterReset() {
        initialize();
        raise(3);

        pic.reset();

        assertThat(intr.isHigh()).isFalse();
        assertThat(isr()).isZero();
    }

    @Test
    void neverThrows_whenAccessedAtRandom() {
        Random random = new Random(0x8259);
        for (int i = 0; i < 300_000; i++) {
            randomStep(random);
        }
        assertThat(intr.risingEdges()).isPositive();
    }

    private void randomStep(Random random) {
        ByteDevice ports = random.nextBoolean() ? pic.master() : pic.slave();
        switch (random.nextInt(8)) {
            case 0 -> pic.input(3 + random.nextInt(13)).set(random.nextBoolean());
            case 1 -> assertThat(pic.acknowledge()).isBetween(0, 0xff);
            case 2 -> pic.elcr().write(random.nextInt(2), 1, random.nextInt());
            case 3 -> pic.restore(pic.save());
            case 4, 5 -> ports.read(random.nextInt(2), 1);
            default -> ports.write(random.nextInt(2), 1, random.nextInt(0x100));
        }
    }

    // ---- helpers

    private void initialize() {
        initialize(0);
    }

    /** As Linux does: edge-triggered, cascaded, 8086 mode, all unmasked. */
    private void initialize(int masterIcw4) {
        command(0x11);
        mask(MASTER_BASE);
        mask(1 << CASCADE_INPUT);
        mask(1 | masterIcw4);
        slaveCommand(0x11);
        pic.slave().writeByte(MASK, SLAVE_BASE);
        pic.slave().writeByte(MASK, CASCADE_INPUT);
        pic.slave().writeByte(MASK, 1);
    }

    private void command(int value) {
        pic.master().writeByte(COMMAND, value);
    }

    private void mask(int value) {
        pic.master().writeByte(MASK, value);
    }

    private void slaveCommand(int value) {
        pic.slave().writeByte(COMMAND, value);
    }

    private void raise(int irq) {
        pic.input(irq).set(true);
    }

    private void lower(int irq) {
        pic.input(irq).set(false);
    }

    private int irr() {
        command(READ_IRR);
        return pic.master().readByte(COMMAND);
    }

    private int isr() {
        command(READ_ISR);
        return pic.master().readByte(COMMAND);
    }

    private int slaveIsr() {
        slaveCommand(READ_ISR);
        return pic.slave().readByte(COMMAND);
    }
}
