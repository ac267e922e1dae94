package dev.microvm.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.hypervisor.ActivityState;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.IrqRoute;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuEvents;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VcpuFailedException;
import dev.microvm.hypervisor.VcpuState;
import dev.microvm.state.DeviceState;
import dev.microvm.testing.HypervisorContract;
import dev.microvm.testing.TinyGuest;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The engine keeps the contract of the SPI, and delivers interrupts by its local APICs. */
final class EngineContractTest extends HypervisorContract {
    private static final int VECTOR = 0x40; // what guest "msi" listens to
    private static final long MSI_ADDRESS = 0xfee0_0000L; // to APIC 0: Intel SDM vol. 3A, 11.11.1
    private static final int SOME_GSI = 10;

    @Override
    protected Hypervisor hypervisor() {
        return new EngineHypervisor();
    }

    @Override
    protected InterruptMode anyMode() {
        return InterruptMode.SPLIT;
    }

    @Test
    void isInstalled() {
        assertThat(Hypervisor.installed()).anyMatch(each -> each.name().equals("engine"));
    }

    @Test
    void saysWhatToUse_whenInterruptControllersAreToBeInAKernel() {
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> hypervisor().createVm("kernel", InterruptMode.KERNEL))
                .withMessageContaining("use InterruptMode.SPLIT");
    }

    @Test
    void runsWithoutLocalApics() {
        try (TinyGuest guest = new TinyGuest(hypervisor(), InterruptMode.USERSPACE, "hello16").startReal()) {
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            assertThat(guest.handler().exitCode()).isEqualTo(42);
        }
    }

    @Test
    void deliversMessages() throws Exception {
        try (TinyGuest guest = guest("msi").startRealWithApic()) {
            expectThreeInterrupts(guest, 8, () -> guest.vm().signalMsi(MSI_ADDRESS, VECTOR));
        }
    }

    @Test
    void deliversALineAsAMessage_whenItIsRoutedSo() throws Exception {
        try (TinyGuest guest = guest("msi").startRealWithApic()) {
            guest.vm().routes(List.of(new IrqRoute.Msi(SOME_GSI, MSI_ADDRESS, VECTOR)));
            expectThreeInterrupts(guest, 8, pulse(guest.vm().irqLine(SOME_GSI)));
        }
    }

    @Test
    void letsOtherProcessorsWaitForAStartUpInterrupt() {
        try (TinyGuest guest = guest("spin")) {
            assertThat(guest.vm().createVcpu(1).activity()).isEqualTo(ActivityState.UNINITIALIZED);
            assertThat(guest.vcpu().activity()).isEqualTo(ActivityState.RUNNING);
        }
    }

    @Test
    void saysWhere_whenTheGuestRunsOutsideOfMemory() {
        try (TinyGuest guest = guest("spin").startProtected()) {
            guest.vcpu()
                    .registers(guest.vcpu().registers().withRip(0x4000_0000L).withRbx(0x1234_5678));
            assertThatExceptionOfType(VcpuFailedException.class)
                    .isThrownBy(guest::run)
                    .withMessageContaining("vCPU 0 stopped")
                    .withMessageContaining("0x40000000")
                    .withMessageContaining("rbx=0000000012345678");
        }
    }

    /** What a snapshot keeps: an NMI that waits behind another, and a processor that nobody has started. */
    @Test
    void keepsPendingNmis_andWhoWaits_inAnotherMachine() {
        VcpuEvents set = new VcpuEvents(
                false, false, 0, false, 0, false, 0, false, 0, false, /* nmiPending= */ true, /* nmiMasked= */ true, 0);
        try (TinyGuest guest = guest("spin").startProtected();
                TinyGuest other = guest("spin").startProtected()) {
            guest.vcpu().events(set);
            continued(guest.vcpu(), other.vcpu());
            assertThat(other.vcpu().events()).isEqualTo(set);

            Vcpu waits = other.vm().createVcpu(1);
            continued(guest.vm().createVcpu(1), waits);
            assertThat(waits.activity()).isEqualTo(ActivityState.UNINITIALIZED);
        }
    }

    private static void continued(Vcpu from, Vcpu in) {
        DeviceState stored = VcpuState.of(from, InterruptMode.SPLIT).save();
        VcpuState.from(DeviceState.decode(stored.encode())).restore(in);
    }
}
