package dev.microvm.kvm;

import static dev.microvm.testing.RecordingHandler.DEVICE_MMIO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.event.Signal;
import dev.microvm.hypervisor.ActivityState;
import dev.microvm.hypervisor.Doorbell;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.IrqRoute;
import dev.microvm.hypervisor.LapicState;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VcpuFailedException;
import dev.microvm.linux.EpollEventLoop;
import dev.microvm.testing.HypervisorContract;
import dev.microvm.testing.Lanes;
import dev.microvm.testing.RecordingHandler.Access;
import dev.microvm.testing.TinyGuest;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** KVM keeps the contract of the SPI, and does with interrupts and doorbells what only it can. */
@Lanes.Kvm
final class KvmContractTest extends HypervisorContract {
    private static final int SERIAL_IRQ = 4; // what guest "interrupt" listens to
    private static final int VECTOR = 0x40; // what guest "msi" listens to
    private static final long MSI_ADDRESS = 0xfee0_0000L; // to APIC 0: Intel SDM vol. 3A, 11.11.1
    private static final int SOME_GSI = 10;

    @Override
    protected Hypervisor hypervisor() {
        return new KvmHypervisor();
    }

    @Override
    protected InterruptMode anyMode() {
        return InterruptMode.KERNEL;
    }

    @ParameterizedTest
    @EnumSource(InterruptMode.class)
    void makesMachines_inEachInterruptMode(InterruptMode mode) {
        try (TinyGuest guest = new TinyGuest(hypervisor(), mode, "hello16").startReal()) {
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            assertThat(guest.handler().exitCode()).isEqualTo(42);
        }
    }

    @Test
    void wakesAHaltedGuest_byAnIrqLine() throws Exception {
        try (TinyGuest guest = guest("interrupt").startReal()) {
            expectThreeInterrupts(guest, 7, pulse(guest.vm().irqLine(SERIAL_IRQ)));
        }
    }

    @Test
    void wakesAHaltedGuest_byAnIrqfd() throws Exception {
        try (TinyGuest guest = guest("interrupt").startReal()) {
            expectThreeInterrupts(guest, 7, pulse(guest.vm().edgeLine(SERIAL_IRQ)));
        }
    }

    @ParameterizedTest
    @EnumSource(value = InterruptMode.class, names = "USERSPACE", mode = EnumSource.Mode.EXCLUDE)
    void deliversMessages(InterruptMode mode) throws Exception {
        try (TinyGuest guest = new TinyGuest(hypervisor(), mode, "msi").startRealWithApic()) {
            expectThreeInterrupts(guest, 8, () -> guest.vm().signalMsi(MSI_ADDRESS, VECTOR));
        }
    }

    @ParameterizedTest
    @EnumSource(value = InterruptMode.class, names = "USERSPACE", mode = EnumSource.Mode.EXCLUDE)
    void deliversALineAsAMessage_whenItIsRoutedSo(InterruptMode mode) throws Exception {
        try (TinyGuest guest = new TinyGuest(hypervisor(), mode, "msi").startRealWithApic()) {
            guest.vm().routes(List.of(new IrqRoute.Msi(SOME_GSI, MSI_ADDRESS, VECTOR)));
            expectThreeInterrupts(guest, 8, pulse(guest.vm().irqLine(SOME_GSI)));
        }
    }

    @ParameterizedTest
    @EnumSource(value = InterruptMode.class, names = "USERSPACE", mode = EnumSource.Mode.EXCLUDE)
    void deliversAnIrqfdAsAMessage_whenItIsRoutedSo(InterruptMode mode) throws Exception {
        try (TinyGuest guest = new TinyGuest(hypervisor(), mode, "msi").startRealWithApic()) {
            guest.vm().routes(List.of(new IrqRoute.Msi(SOME_GSI, MSI_ADDRESS, VECTOR)));
            expectThreeInterrupts(guest, 8, pulse(guest.vm().edgeLine(SOME_GSI)));
        }
    }

    @Test
    void ringsDoorbellsOnTheEventLoop_andLeavesOtherWritesToTheHandler() throws Exception {
        AtomicInteger mmio = new AtomicInteger();
        AtomicInteger port = new AtomicInteger();
        try (EpollEventLoop loop = new EpollEventLoop("test-io");
                TinyGuest guest = guest("doorbell").startProtected();
                Signal mmioSignal = loop.signal(mmio::incrementAndGet);
                Signal portSignal = loop.signal(port::incrementAndGet)) {
            guest.vm().doorbell(Doorbell.mmio(DEVICE_MMIO, 4, 1), mmioSignal);
            guest.vm().doorbell(Doorbell.port(0x510, 1), portSignal);
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            await(() -> mmio.get() == 1 && port.get() == 1);
            assertThat(guest.handler().writes()).containsExactly(new Access(DEVICE_MMIO, 4, 2));
        }
    }

    @Test
    void bringsWritesBackToTheHandler_whenADoorbellIsTakenAway() {
        try (EpollEventLoop loop = new EpollEventLoop("test-io");
                TinyGuest guest = guest("doorbell").startProtected();
                Signal signal = loop.signal(() -> {})) {
            guest.vm().doorbell(Doorbell.mmio(DEVICE_MMIO, 4, 1), signal).close();
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            assertThat(guest.handler().writes()).contains(new Access(DEVICE_MMIO, 4, 1));
        }
    }

    @Test
    void readsBackTheLocalApic() {
        try (TinyGuest guest = guest("spin").startProtected()) {
            byte[] registers = guest.vcpu().lapic().registers();
            registers[0x80] = 0x20; // task priority: Intel SDM vol. 3A, table 11-1
            LapicState set = new LapicState(registers);
            guest.vcpu().lapic(set);
            assertThat(guest.vcpu().lapic().registers()[0x80]).isEqualTo((byte) 0x20);
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
    void saysRegistersAndInstructionBytes_whenTheGuestCannotGoOn() {
        // A jump to an address without memory: KVM has no instruction there to emulate.
        try (TinyGuest guest = guest("spin").startProtected()) {
            guest.vcpu()
                    .registers(guest.vcpu().registers().withRip(0x4000_0000L).withRbx(0x1234_5678));
            assertThatExceptionOfType(VcpuFailedException.class)
                    .isThrownBy(guest::run)
                    .withMessageContaining("vCPU 0 stopped: KVM_EXIT_INTERNAL_ERROR")
                    .withMessageContaining("rip=0000000040000000")
                    .withMessageContaining("rbx=0000000012345678")
                    .withMessageContaining("bytes at RIP");
        }
    }
}
