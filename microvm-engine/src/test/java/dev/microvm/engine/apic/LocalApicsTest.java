package dev.microvm.engine.apic;

import static dev.microvm.engine.apic.ApicRegisters.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Intel SDM vol. 3A, 11.6 and 11.11: who gets a message. */
final class LocalApicsTest {
    private final ApicMachine machine = new ApicMachine(4);

    /** Which APICs have an event, as a binary number: APIC 0 is bit 0. */
    private int reached() {
        return IntStream.range(0, 4)
                .filter(i -> machine.apic(i).events() != 0)
                .map(i -> 1 << i)
                .sum();
    }

    private void logicalId(int id, int value) {
        machine.write(id, LDR, value << XAPIC_ID_SHIFT);
    }

    @Test
    void reachesOne_byPhysicalDestination() {
        machine.command(0, 2, 0x41);

        assertThat(reached()).isEqualTo(0b0100);
        assertThat(machine.apic(2).pendingVector()).isEqualTo(0x41);
    }

    @Test
    void reachesAll_byTheBroadcastDestination() {
        machine.command(0, 0xff, 0x41);

        assertThat(reached()).isEqualTo(0b1111);
    }

    @Test
    void reachesNobody_byAnIdThatIsNotThere() {
        machine.command(0, 9, 0x41);

        assertThat(reached()).isZero();
    }

    @Test
    void obeysShorthands() {
        machine.command(1, 0, 0x41 | SHORTHAND_SELF << ICR_SHORTHAND_SHIFT);
        assertThat(reached()).isEqualTo(0b0010);

        machine.command(0, 0, 0x41 | SHORTHAND_OTHERS << ICR_SHORTHAND_SHIFT);
        assertThat(reached()).isEqualTo(0b1110);

        machine.command(3, 0, 0x41 | SHORTHAND_ALL << ICR_SHORTHAND_SHIFT);
        assertThat(reached()).isEqualTo(0b1111);
    }

    @Test
    void matchesAnyBit_inTheFlatModel() {
        logicalId(0, 0b0001);
        logicalId(1, 0b0010);
        logicalId(2, 0b0100);

        machine.command(3, 0b0110, 0x41 | ICR_LOGICAL);

        assertThat(reached()).isEqualTo(0b0110);
    }

    @Test
    void matchesClusterAndMember_inTheClusterModel() {
        for (int i = 0; i < 4; i++) machine.write(i, DFR, 0);
        logicalId(0, 0x11);
        logicalId(1, 0x12);
        logicalId(2, 0x21);

        machine.command(3, 0x13, 0x41 | ICR_LOGICAL);

        assertThat(reached()).isEqualTo(0b0011);
    }

    @Test
    void matchesClusterAndMember_inX2ApicMode() {
        ApicMachine many = new ApicMachine(18);
        for (int i = 0; i < 18; i++) many.x2Apic(i);
        assertThat(many.apic(17).readMsr(ApicMachine.msr(LDR))).isEqualTo(0x0001_0002L);

        many.apic(0).writeMsr(ApicMachine.msr(ICR), 0x0001_0003_0000_0000L | ICR_LOGICAL | 0x41);

        assertThat(many.apic(16).pendingVector()).isEqualTo(0x41);
        assertThat(many.apic(17).pendingVector()).isEqualTo(0x41);
        assertThat(many.apic(1).events()).isZero();
    }

    @Test
    void sendsLowestPriorityToOne_ofTheLowestPriority() {
        for (int i = 0; i < 4; i++) logicalId(i, 0xf);
        machine.apic(0).taskPriorityClass(3);
        machine.apic(1).taskPriorityClass(2);
        machine.apic(2).taskPriorityClass(4);
        machine.write(3, SVR, 0xff); // takes no interrupt

        machine.command(0, 0xf, 0x41 | LOWEST_PRIORITY << DELIVERY_MODE_SHIFT | ICR_LOGICAL);

        assertThat(reached()).isEqualTo(0b0010);
    }

    @Test
    void spreadsLowestPriority_amongEquals() {
        for (int vector = 0x41; vector <= 0x44; vector++) {
            machine.command(0, 0xff, vector | LOWEST_PRIORITY << DELIVERY_MODE_SHIFT | ICR_LOGICAL);
        }

        assertThat(reached()).isEqualTo(0b1111);
    }

    @Test
    void startsAProcessor_byInitAndStartUp() {
        machine.command(0, 1, INIT << DELIVERY_MODE_SHIFT | ICR_LEVEL | ICR_ASSERT);
        machine.command(0, 1, INIT << DELIVERY_MODE_SHIFT | ICR_LEVEL); // de-assert
        assertThat(machine.apic(1).take(LocalApic.INITIALIZE)).isTrue();
        assertThat(machine.apic(1).events()).isZero();

        machine.command(0, 1, START_UP << DELIVERY_MODE_SHIFT | 0x9a);

        assertThat(machine.apic(1).events()).isEqualTo(LocalApic.START);
        assertThat(machine.apic(1).startUpVector()).isEqualTo(0x9a);
        assertThat(machine.apic(1).take(LocalApic.START)).isTrue();
    }

    @Test
    void forgetsAnEarlierStartUp_whenAnInitFollows() {
        machine.command(0, 1, START_UP << DELIVERY_MODE_SHIFT | 0x9a);
        machine.command(0, 1, INIT << DELIVERY_MODE_SHIFT);

        assertThat(machine.apic(1).events()).isEqualTo(LocalApic.INITIALIZE);
    }

    @Test
    void deliversMessages() {
        assertThat(machine.bus.signalMsi(0xfee0_2000L, 0x4041)).isTrue();
        assertThat(machine.bus.signalMsi(0xfee0_3000L, NMI << DELIVERY_MODE_SHIFT))
                .isTrue();
        assertThat(machine.bus.signalMsi(0xfee0_9000L, 0x41)).as("no such APIC").isFalse();
        assertThat(machine.bus.signalMsi(0xfef0_0000L, 0x41)).as("no interrupt").isFalse();

        assertThat(machine.apic(2).pendingVector()).isEqualTo(0x41);
        assertThat(machine.apic(3).events()).isEqualTo(LocalApic.NON_MASKABLE);
        assertThat(reached()).isEqualTo(0b1100);
    }

    @Test
    void deliversLevelTriggeredMessages_whoseEndIsTold() {
        machine.bus.signalMsi(0xfee0_1000L, MSI_LEVEL | 0x41);

        machine.apic(1).acknowledge();
        machine.write(1, EOI, 0);

        assertThat(machine.ends).containsExactly(0x41);
    }

    @Test
    void deliversAMessageThatMayBeRedirected_once() {
        for (int i = 0; i < 4; i++) logicalId(i, 1 << i);

        machine.bus.signalMsi(0xfee0_0000L | 0b0110 << MSI_DESTINATION_SHIFT | MSI_REDIRECT | MSI_LOGICAL, 0x41);

        assertThat(Integer.bitCount(reached() & 0b0110)).isEqualTo(1);
        assertThat(reached() & 0b1001).isZero();
    }

    @Test
    void refusesAnIdTwice_untilItIsRemoved() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> machine.bus.add(2, machine.clock, tsc -> tsc, () -> {}))
                .withMessageContaining("2");

        machine.bus.remove(machine.apic(2));
        LocalApic again = machine.bus.add(2, machine.clock, tsc -> tsc, () -> {});

        machine.command(0, 2, NMI << DELIVERY_MODE_SHIFT);
        assertThat(again.events()).isEqualTo(LocalApic.NON_MASKABLE);
        assertThat(machine.apic(2).events()).isZero();
    }

    @Test
    @Timeout(60)
    void losesNothing_whenThreadsSendAndOneTakes() throws InterruptedException {
        int threads = 4;
        int each = 20_000;
        CountDownLatch sent = new CountDownLatch(threads);
        for (int t = 0; t < threads; t++) {
            int vector = 0x40 + 0x10 * t;
            Thread.ofPlatform().start(() -> {
                for (int i = 0; i < each; i++) machine.bus.signalMsi(0xfee0_0000L, vector);
                machine.bus.signalMsi(0xfee0_0000L, vector + 1);
                sent.countDown();
            });
        }
        int lasts = 0;
        while (lasts < threads) {
            if (machine.apic(0).events() == 0) {
                Thread.onSpinWait();
                continue;
            }
            if ((machine.apic(0).acknowledge() & 0xf) == 1) lasts++;
            machine.write(0, EOI, 0);
        }
        assertThat(sent.await(10, TimeUnit.SECONDS)).isTrue();
        while (machine.apic(0).pendingVector() != LocalApic.NONE) {
            machine.apic(0).acknowledge();
            machine.write(0, EOI, 0);
        }
        assertThat(machine.apic(0).events()).isZero();
    }
}
