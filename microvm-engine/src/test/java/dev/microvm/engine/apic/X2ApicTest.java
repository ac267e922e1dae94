package dev.microvm.engine.apic;

import static dev.microvm.engine.apic.ApicMachine.msr;
import static dev.microvm.engine.apic.ApicRegisters.*;
import static dev.microvm.hypervisor.MsrNumbers.IA32_APIC_BASE;
import static dev.microvm.hypervisor.MsrNumbers.IA32_TSC_DEADLINE;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Intel SDM vol. 3A, 11.12. */
final class X2ApicTest {
    private final ApicMachine machine = new ApicMachine(2);
    private final LocalApic apic = machine.apic(1);

    @Test
    void hasNoPage_andReadsByMsr() {
        machine.x2Apic(1);

        assertThat(apic.page()).isEqualTo(LocalApic.NO_PAGE);
        assertThat(apic.mode()).isEqualTo(ApicMode.X2APIC);
        assertThat(apic.readMsr(msr(ID))).isEqualTo(1);
        assertThat(apic.readMsr(msr(LDR))).isEqualTo(2);
        assertThat(apic.readMsr(msr(SVR))).isEqualTo(ApicMachine.SOFTWARE_ENABLED);
    }

    @Test
    void hasNoMsrs_inXApicMode() {
        assertThat(apic.isReadable(msr(ID))).isFalse();
        assertThat(apic.writeMsr(msr(TPR), 0)).isFalse();
        assertThat(apic.isReadable(IA32_APIC_BASE)).isTrue();
        assertThat(apic.isReadable(IA32_TSC_DEADLINE)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = {EOI, SELF_IPI, DFR, ICR_HIGH, LVT_CMCI, APR, RRD, 0x000, 0x010, 0x400, 0xff0})
    void cannotRead(int register) {
        machine.x2Apic(1);

        assertThat(apic.isReadable(msr(register))).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "0x020, 0",
        "0x030, 0",
        "0x0a0, 0",
        "0x0d0, 0",
        "0x0e0, 0",
        "0x100, 0",
        "0x270, 0",
        "0x390, 0",
        "0x310, 0",
        "0x080, 0x100",
        "0x0b0, 1",
        "0x280, 1",
        "0x0f0, 0x2000",
        "0x320, 0x80000",
        "0x380, 0x100000000",
        "0x3e0, 4",
        "0x300, 0x200000",
        "0x3f0, 0x100"
    })
    void cannotWrite(int register, long value) {
        machine.x2Apic(1);

        assertThat(apic.writeMsr(msr(register), value)).isFalse();
    }

    @Test
    void endsInterrupts_byMsr() {
        machine.x2Apic(1);
        apic.deliver(FIXED, 0x41, true);
        apic.acknowledge();

        assertThat(apic.writeMsr(msr(EOI), 0)).isTrue();

        assertThat(machine.ends).containsExactly(0x41);
    }

    @Test
    void sendsToItself() {
        machine.x2Apic(1);

        assertThat(apic.writeMsr(msr(SELF_IPI), 0x41)).isTrue();

        assertThat(apic.pendingVector()).isEqualTo(0x41);
        assertThat(machine.apic(0).events()).isZero();
    }

    @Test
    void sendsWithA32BitDestination_andReadsItBack() {
        machine.x2Apic(1);

        apic.writeMsr(msr(ICR), 0x0000_0000_0000_0041L);
        apic.writeMsr(msr(ICR), 0x0000_00ff_0000_0042L); // 255 is an ID here

        assertThat(machine.apic(0).pendingVector()).isEqualTo(0x41);
        assertThat(apic.events()).isZero();
        assertThat(apic.readMsr(msr(ICR))).isEqualTo(0x0000_00ff_0000_0042L);
        apic.writeMsr(msr(ICR), 0xffff_ffff_0000_0043L);
        assertThat(apic.pendingVector()).isEqualTo(0x43);
    }

    @ParameterizedTest
    @CsvSource({
        // from, to, allowed: figure 11-27
        "0x800, 0xc00, true", "0x800, 0x000, true", "0xc00, 0x000, true", "0x000, 0x800, true",
        "0xc00, 0x800, false", "0x000, 0xc00, false", "0x800, 0x400, false", "0x800, 0x801, false",
        "0x800, 0x10000000000800, false"
    })
    void changesMode(long from, long to, boolean allowed) {
        apic.restoreBase(0xfee0_0000L | from);

        assertThat(apic.writeMsr(IA32_APIC_BASE, 0xfee0_0000L | to)).isEqualTo(allowed);
        assertThat(apic.readMsr(IA32_APIC_BASE)).isEqualTo(0xfee0_0000L | (allowed ? to : from));
    }

    @Test
    void refusesX2ApicMode_whenTheProcessorHasNone() {
        apic.features(true, false, true, 40);

        assertThat(apic.writeMsr(IA32_APIC_BASE, 0xfee0_0c00L)).isFalse();
        assertThat(apic.writeMsr(IA32_APIC_BASE, 0x100_0000_0800L))
                .as("address bit 40")
                .isFalse();
        assertThat(apic.writeMsr(IA32_APIC_BASE, 0x80_0000_0800L)).isTrue();
        assertThat(apic.page()).isEqualTo(0x80_0000_0000L);
    }

    @Test
    void startsAfresh_whenTurnedOffAndOn() {
        machine.write(1, TPR, 0x20);
        apic.writeMsr(IA32_APIC_BASE, 0xfee0_0000L);
        apic.writeMsr(IA32_APIC_BASE, 0xfee0_0800L);

        assertThat(machine.read(1, TPR)).isZero();
        assertThat(machine.read(1, SVR)).isEqualTo(0xff);
    }
}
