package dev.microvm.kvm;

import static dev.microvm.testing.RecordingHandler.DEVICE_MMIO;
import static dev.microvm.testing.RecordingHandler.EXIT_PORT;
import static dev.microvm.testing.TinyGuest.ORIGIN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNoException;

import dev.microvm.event.Signal;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.Doorbell;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.IrqRoute;
import dev.microvm.hypervisor.Probe;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.hypervisor.VirtualMachine.Registration;
import dev.microvm.linux.EpollEventLoop;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.testing.Lanes;
import dev.microvm.testing.RecordingHandler.Access;
import dev.microvm.testing.TinyGuest;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What a machine of KVM does at its edges: read-only memory, split accesses, interrupts that nobody
 * takes.
 */
@Lanes.Kvm
@Timeout(60)
final class KvmMachineTest {
    private static final long ROM = 0x20_0000; // above the guest's memory
    private static final long NO_SUCH_APIC = 0xfee0_5000L; // APIC 5: Intel SDM vol. 3A, 11.11.1
    private static final int SOME_GSI = 10;
    private static final int SOME_VECTOR = 0x40;

    // Instructions of 32-bit code
    private static final byte[] WRITE_EAX = {(byte) 0xa3}; // mov %eax, address that follows
    private static final byte[] READ_EAX = {(byte) 0xa1}; // mov address that follows, %eax
    private static final byte[] EXIT = {(byte) 0xe6, (byte) EXIT_PORT, (byte) 0xeb, (byte) 0xfe
    }; // out %al; jmp to itself

    private final KvmHypervisor kvm = new KvmHypervisor();

    @Test
    void explainsItself_whenItCannotRunKernels() {
        Probe probe = kvm.probe();

        assertThat(probe.usable()).isTrue();
        assertThat(probe.explanation().isEmpty()).isEqualTo(probe.runsKernels());
    }

    @Test
    void handsWritesToReadOnlyMemoryToTheHandler_andKeepsWhatIsThere() {
        try (TinyGuest guest = guest()) {
            MemorySegment rom = guest.vm().allocate(0x1000);
            rom.set(ValueLayout.JAVA_INT, 0x10, 0x55);
            guest.vm().map(1, new GuestMemoryRegion(ROM, rom, /* readOnly= */ true));
            load(guest, WRITE_EAX, address(ROM + 0x10), READ_EAX, address(ROM + 0x10), EXIT);
            guest.vcpu().registers(guest.vcpu().registers().withRax(0x1234_5678));

            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);

            assertThat(guest.handler().writes()).containsExactly(new Access(ROM + 0x10, 4, 0x1234_5678));
            assertThat(guest.handler().exitCode()).isEqualTo(0x55);
        }
    }

    @Test
    void handsOverEachByte_whenAnAccessStraddlesAPage() {
        try (TinyGuest guest = guest()) {
            load(guest, WRITE_EAX, address(DEVICE_MMIO + 0xffd), EXIT);
            guest.vcpu().registers(guest.vcpu().registers().withRax(0x4433_2211));

            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);

            assertThat(guest.handler().writes())
                    .containsExactly(
                            new Access(DEVICE_MMIO + 0xffd, 1, 0x11),
                            new Access(DEVICE_MMIO + 0xffe, 1, 0x22),
                            new Access(DEVICE_MMIO + 0xfff, 1, 0x33),
                            new Access(DEVICE_MMIO + 0x1000, 1, 0x44));
        }
    }

    @Test
    void putsTogetherEachByte_whenAReadStraddlesAPage() {
        try (TinyGuest guest = guest()) {
            guest.handler().answer(nth -> nth + 1);
            load(guest, READ_EAX, address(DEVICE_MMIO + 0xffd), EXIT);

            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);

            assertThat(guest.vcpu().registers().rax()).isEqualTo(0x0403_0201);
        }
    }

    /** A guest chooses address and data, so none may fail. */
    @ParameterizedTest
    @CsvSource({
        "0xfee05000, 0x40", // no such APIC
        "0xfee00000, 0x40", // one that its software has not enabled
        "0xfeeff000, 0x40", // all
        "0xfee05004, 0x40", // logical, no such
        "0xfee0500c, 0x140", // logical, lowest priority, no such
        "0xfee00008, 0x140", // physical, lowest priority
        "0xfee00000, 0x05", // vector that no APIC takes
        "0xfee05000, 0x05",
        "0xfee05000, 0x700", // delivery as an external controller's
        "0xfee05000, 0x300", // reserved delivery
        "0x00001000, 0x40" // no message address at all
    })
    void losesAMessage_whenNoProcessorTakesIt(long address, int data) {
        try (TinyGuest kernel = new TinyGuest(kvm, InterruptMode.KERNEL, "spin");
                TinyGuest split = new TinyGuest(kvm, InterruptMode.SPLIT, "spin")) {
            assertThatNoException().isThrownBy(() -> message(kernel.vm(), address, data));
            assertThatNoException().isThrownBy(() -> message(split.vm(), address, data));
        }
    }

    @Test
    void losesAMessage_whenKvmDoesNotUnderstandIt() {
        try (TinyGuest guest = guest()) {
            assertThatNoException().isThrownBy(() -> guest.vm().signalMsi(0xf_ffff_ffffL, -1));
        }
    }

    /** Sends a message in each way there is. */
    private static void message(VirtualMachine vm, long address, int data) {
        vm.signalMsi(address, data);
        vm.routes(List.of(new IrqRoute.Msi(SOME_GSI, address, data)));
        vm.irqLine(SOME_GSI).pulse();
        vm.edgeLine(SOME_GSI).pulse();
    }

    @Test
    void refusesMessages_whenKvmHasNoLocalApic() {
        try (TinyGuest guest = new TinyGuest(kvm, InterruptMode.USERSPACE, "spin")) {
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> guest.vm().signalMsi(NO_SUCH_APIC, SOME_VECTOR))
                    .withMessageStartingWith("KVM_SIGNAL_MSI failed: ");
        }
    }

    @ParameterizedTest
    @CsvSource({"KERNEL, true, true", "SPLIT, false, true", "USERSPACE, false, false"})
    void offersWhatTheInterruptModeAllows(InterruptMode mode, boolean pit, boolean tscDeadlineMayBe) {
        try (VirtualMachine vm = kvm.createVm("capabilities", mode)) {
            assertThat(vm.supports(Capability.KERNEL_PIT)).isEqualTo(pit);
            assertThat(vm.supports(Capability.TSC_DEADLINE)).isIn(false, tscDeadlineMayBe);
            assertThat(vm.supports(Capability.DOORBELL)).isTrue();
            assertThat(vm.supports(Capability.READ_ONLY_MEMORY)).isTrue();
            assertThat(vm.supports(Capability.PARAVIRTUAL_CLOCK)).isTrue();
            assertThat(vm.supports(Capability.GUEST_DEBUG)).isIn(true, false);
        }
    }

    @ParameterizedTest
    @EnumSource(InterruptMode.class)
    void saysBeforehandWhatAMachineWillOffer(InterruptMode mode) {
        try (VirtualMachine vm = kvm.createVm("foretold", mode)) {
            assertThat(kvm.capabilities(mode))
                    .containsExactlyInAnyOrderElementsOf(Arrays.stream(Capability.values())
                            .filter(vm::supports)
                            .toList());
        }
    }

    @Test
    void makesOneTimer_andNoSecond() {
        try (VirtualMachine vm = kvm.createVm("timer", InterruptMode.KERNEL)) {
            vm.createPit();

            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(vm::createPit)
                    .withMessage("KVM_CREATE_PIT2 failed: EEXIST (exists already)");
        }
    }

    @Test
    void takesADoorbellAwayOnce_whenItIsClosedTwice() {
        try (EpollEventLoop loop = new EpollEventLoop("test-io");
                VirtualMachine vm = kvm.createVm("doorbell", InterruptMode.KERNEL);
                Signal signal = loop.signal(() -> {})) {
            Registration doorbell = vm.doorbell(Doorbell.mmio(DEVICE_MMIO, 4, 1), signal);
            doorbell.close();

            assertThatNoException().isThrownBy(doorbell::close);
            assertThatNoException().isThrownBy(() -> vm.doorbell(Doorbell.mmio(DEVICE_MMIO, 4, 1), signal));
        }
    }

    @Test
    void refusesADoorbell_whenThereIsOneAlready() {
        try (EpollEventLoop loop = new EpollEventLoop("test-io");
                VirtualMachine vm = kvm.createVm("doorbell", InterruptMode.KERNEL);
                Signal signal = loop.signal(() -> {})) {
            vm.doorbell(Doorbell.port(0x510, 1), signal);

            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> vm.doorbell(Doorbell.port(0x510, 1), signal))
                    .withMessage("KVM_IOEVENTFD failed: EEXIST (exists already)");
        }
    }

    @Test
    void refusesADoorbell_whenTheSignalIsNotOurs() {
        Signal other = new Signal() {
            @Override
            public void raise() {}

            @Override
            public void close() {}
        };
        try (VirtualMachine vm = kvm.createVm("doorbell", InterruptMode.KERNEL)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> vm.doorbell(Doorbell.port(0x510, 1), other))
                    .withMessage("a KVM doorbell needs a signal of an EpollEventLoop");
        }
    }

    @Test
    void closesQuietly_whenADoorbellOutlivesItsMachine() {
        try (EpollEventLoop loop = new EpollEventLoop("test-io");
                Signal signal = loop.signal(() -> {})) {
            VirtualMachine vm = kvm.createVm("doorbell", InterruptMode.KERNEL);
            Registration doorbell = vm.doorbell(Doorbell.port(0x510, 1), signal);
            vm.close();

            assertThatNoException().isThrownBy(doorbell::close);
        }
    }

    private TinyGuest guest() {
        return new TinyGuest(kvm, InterruptMode.KERNEL, "spin").startProtected();
    }

    /** Replaces the guest's program. */
    private static void load(TinyGuest guest, byte[]... instructions) {
        ByteArrayOutputStream program = new ByteArrayOutputStream();
        for (byte[] instruction : instructions) program.writeBytes(instruction);
        guest.memory().write(ORIGIN, program.toByteArray());
    }

    private static byte[] address(long address) {
        return new byte[] {(byte) address, (byte) (address >>> 8), (byte) (address >>> 16), (byte) (address >>> 24)};
    }
}
