package dev.microvm.kvm;

import static dev.microvm.testing.RecordingHandler.DEVICE_PORT;
import static dev.microvm.testing.RecordingHandler.EXIT_PORT;
import static dev.microvm.testing.TinyGuest.ORIGIN;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNoException;

import dev.microvm.bus.BusDevice;
import dev.microvm.bus.IoBuses;
import dev.microvm.cpuid.GuestCpuid;
import dev.microvm.hypervisor.ActivityState;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VcpuFailedException;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.linux.FileDescriptor;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.testing.Lanes;
import dev.microvm.testing.ProcessUse;
import dev.microvm.testing.TinyGuest;
import dev.microvm.vcpu.VcpuThreads;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How machines and vCPUs of KVM begin, end and fail. */
@Lanes.Kvm
@Timeout(60)
final class KvmLifecycleTest {
    private static final long READY = 0xaa; // what guests write to the device port when they are set up
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final KvmHypervisor kvm = new KvmHypervisor();

    @ParameterizedTest
    @EnumSource(InterruptMode.class)
    void freesEverything_whenClosedWithoutAVcpu(InterruptMode mode) {
        kvm.createVm("warm-up", mode).close();
        ProcessUse before = ProcessUse.now();

        try (VirtualMachine vm = kvm.createVm("empty", mode)) {
            assertThat(vm.interruptMode()).isEqualTo(mode);
            assertThat(vm).hasToString("KVM machine empty");
        }

        assertThat(ProcessUse.now().kvmDescriptors()).isEqualTo(before.kvmDescriptors());
    }

    @Test
    void freesEverything_whenClosedTwice_withVcpusThatNeverRan() {
        ProcessUse before = ProcessUse.now();
        VirtualMachine vm = kvm.createVm("three", InterruptMode.KERNEL);
        IntStream.range(0, 3).forEach(vm::createVcpu);
        assertThat(ProcessUse.now().kvmDescriptors()).isEqualTo(before.kvmDescriptors() + 4);

        vm.close();
        vm.close();

        ProcessUse after = ProcessUse.now();
        assertThat(after.kvmDescriptors()).isEqualTo(before.kvmDescriptors());
        assertThat(after.kvmMappings()).isEqualTo(before.kvmMappings());
    }

    @Test
    void refusesAVcpuThatExists_andStillFreesEverything() {
        ProcessUse before = ProcessUse.now();
        try (VirtualMachine vm = kvm.createVm("twice", InterruptMode.KERNEL)) {
            vm.createVcpu(0);

            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> vm.createVcpu(0))
                    .withMessage("KVM_CREATE_VCPU failed: EEXIST (exists already)");
        }
        ProcessUse after = ProcessUse.now();
        assertThat(after.kvmDescriptors()).isEqualTo(before.kvmDescriptors());
        assertThat(after.kvmMappings()).isEqualTo(before.kvmMappings());
    }

    @Test
    void refusesAVcpuBeyondTheLargest() {
        try (VirtualMachine vm = kvm.createVm("many", InterruptMode.KERNEL)) {
            assertThat(vm.maxVcpus()).isPositive();
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> vm.createVcpu(1 << 20))
                    .withMessage("KVM_CREATE_VCPU failed: EINVAL (invalid argument)");
        }
    }

    @Test
    void refusesMemoryThatOverlaps_andSlotsThatAreEmpty() {
        try (VirtualMachine vm = kvm.createVm("memory", InterruptMode.KERNEL)) {
            vm.map(0, new GuestMemoryRegion(0, vm.allocate(0x4000), /* readOnly= */ false));
            GuestMemoryRegion overlapping = new GuestMemoryRegion(0x3000, vm.allocate(0x1000), /* readOnly= */ false);

            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> vm.map(1, overlapping))
                    .withMessage("KVM_SET_USER_MEMORY_REGION failed: EEXIST (exists already)");
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> vm.unmap(1))
                    .withMessage("memory slot 1 is not in use");
        }
    }

    @Test
    void givesZeroedMemory_thatGoesWithTheMachine() {
        VirtualMachine vm = kvm.createVm("memory", InterruptMode.KERNEL);
        MemorySegment memory = vm.allocate(0x2000);
        assertThat(memory.get(ValueLayout.JAVA_LONG, 0x1ff8)).isZero();
        assertThat(memory.address() % 4096).isZero();

        vm.close();

        assertThatIllegalStateException().isThrownBy(() -> memory.get(ValueLayout.JAVA_LONG, 0));
    }

    @Test
    void refusesToRun_whenTheVcpuIsClosed() {
        try (TinyGuest guest = guest("spin").startProtected()) {
            guest.vcpu().close();
            guest.vcpu().close();

            assertThatNoException().isThrownBy(guest.vcpu()::kick);
            assertThatIllegalStateException().isThrownBy(guest::run).withMessage("vCPU 0 is closed");
        }
    }

    @Test
    void refusesToCloseAndToRunTwice_whileAVcpuRuns_andClosesLater() throws Exception {
        ProcessUse before = ProcessUse.now();
        TinyGuest guest = guest("spin").startProtected();
        CompletableFuture<VcpuExit> exit = CompletableFuture.supplyAsync(guest::run);
        await(() -> guest.handler().values().contains(READY));

        assertThatIllegalStateException().isThrownBy(guest::run).withMessage("vCPU 0 runs already, on another thread");
        assertThatIllegalStateException().isThrownBy(guest::close).withMessage("vCPU 0 still runs");
        guest.vcpu().kick();
        assertThat(exit.get(20, SECONDS)).isEqualTo(VcpuExit.KICKED);
        guest.close();

        ProcessUse after = ProcessUse.now();
        assertThat(after.kvmDescriptors()).isEqualTo(before.kvmDescriptors());
        assertThat(after.kvmMappings()).isEqualTo(before.kvmMappings());
    }

    @Test
    void endsWithinASecond_whenAGuestSpinsWithInterruptsOff() throws Exception {
        try (TinyGuest guest = guest("spin").startProtected()) {
            VcpuThreads threads = guest.threads();
            threads.start();
            await(() -> guest.handler().values().contains(READY));
            long start = System.nanoTime();

            boolean ended = threads.stopAndJoin(PATIENCE);

            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(1));
            assertThat(ended).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(value = InterruptMode.class, names = "USERSPACE", mode = EnumSource.Mode.EXCLUDE)
    void startsOtherProcessors_whenTheFirstSendsInitAndStartUp(InterruptMode mode) throws Exception {
        try (TinyGuest guest = new TinyGuest(kvm, mode, "smp").startProtected()) {
            Vcpu second = processor(guest, 1);
            Vcpu third = processor(guest, 2);
            VcpuThreads threads = guest.threads(second, third);
            threads.start();

            await(() -> guest.handler().values().containsAll(List.of(READY, 1L, 2L)));

            assertThat(threads.stopAndJoin(PATIENCE)).isTrue();
            assertThat(guest.handler().values()).containsExactlyInAnyOrder(READY, 1L, 2L);
            assertThat(guest.handler().exit()).isNotDone();
            assertThat(second.specialRegisters().cs().selector()).isEqualTo(0x200); // of the start-up's page
        }
    }

    @Test
    void readsRegisters_whenTheGuestHasLeftForIo() {
        try (TinyGuest guest = guest("hello16").startReal()) {
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);

            Registers registers = guest.vcpu().registers();
            assertThat(registers.rax() & 0xff).isEqualTo(42);
            assertThat(registers.rdx()).isEqualTo(0x3f8);
            // The write is done: RIP is behind the two bytes of OUT.
            assertThat(guest.memory().read(registers.rip() - 2, 2))
                    .isEqualTo(new byte[] {(byte) 0xe6, (byte) EXIT_PORT});
        }
    }

    @Test
    void leavesAHalt_whenKicked() throws Exception {
        try (TinyGuest guest = guest("interrupt").startReal()) { // halts until an interrupt comes
            CompletableFuture<VcpuExit> exit = CompletableFuture.supplyAsync(guest::run);
            await(() -> guest.handler().values().contains(READY));
            awaitBriefly(); // for the guest to reach HLT; before it, the kick works as well

            guest.vcpu().kick();

            assertThat(exit.get(20, SECONDS)).isEqualTo(VcpuExit.KICKED);
        }
    }

    @Test
    void saysThatItHalted_whenKvmHasNoLocalApic() {
        try (TinyGuest guest = new TinyGuest(kvm, InterruptMode.USERSPACE, "spin").startProtected()) {
            guest.memory().write(ORIGIN, new byte[] {(byte) 0xf4}); // hlt

            assertThat(guest.run()).isEqualTo(VcpuExit.HALTED);
            assertThat(guest.vcpu().registers().rip()).isEqualTo(ORIGIN + 1);
        }
    }

    @Test
    void sleepsUntilStopped_whenAHaltedVcpuHasNoLocalApic() throws Exception {
        try (TinyGuest guest = new TinyGuest(kvm, InterruptMode.USERSPACE, "spin").startProtected()) {
            int behindReady = program().length - 2; // where it would jump to itself
            guest.memory()
                    .write(ORIGIN + behindReady, new byte[] {(byte) 0xf4, (byte) 0xeb, (byte) 0xfd}); // hlt, again
            VcpuThreads threads = guest.threads();
            threads.start();
            await(() -> guest.handler().values().contains(READY));

            assertThat(threads.stopAndJoin(PATIENCE)).isTrue();
        }
    }

    @Test
    void injectsAnInterrupt_whenTheGuestCanTakeOne() {
        byte[] program = {
            (byte) 0xfb, // sti
            (byte) 0x90, // nop
            (byte) 0xeb,
            (byte) 0xfe // jmp to itself
        };
        try (TinyGuest guest = new TinyGuest(kvm, InterruptMode.USERSPACE, "hello16").startReal()) {
            guest.memory().write(0x2000, program);
            guest.memory().putInt(0x40 * 4, (int) ORIGIN); // vector 0x40 leads to the greeting
            guest.vcpu().registers(Registers.ZERO.withRip(0x2000).withRsp(0x7000));
            guest.vcpu().requestInterruptWindow(true);
            assertThat(guest.run()).isEqualTo(VcpuExit.INTERRUPT_WINDOW);
            assertThat(guest.vcpu().readyForInterrupt()).isTrue();

            guest.vcpu().requestInterruptWindow(false);
            guest.vcpu().interrupt(0x40);

            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            assertThat(guest.handler().serial()).isEqualTo("hello from 16 bits\n");
        }
    }

    @Test
    void saysTheBytesAtRip_whenAnInstructionCannotBeEmulated() {
        byte[] loadFloatFromDevice = {(byte) 0xdd, 0x05, 0x00, 0x00, 0x00, (byte) 0xd0}; // fldl 0xd0000000
        try (TinyGuest guest = guest("spin").startProtected()) {
            guest.memory().write(ORIGIN, loadFloatFromDevice);

            assertThatExceptionOfType(VcpuFailedException.class)
                    .isThrownBy(guest::run)
                    .withMessageContaining(
                            "vCPU 0 stopped: KVM_EXIT_INTERNAL_ERROR suberror 1: KVM cannot emulate an instruction")
                    .withMessageContaining("rip=0000000000001000")
                    .withMessageContaining("cr0=60000011")
                    .withMessageContaining("bytes at RIP (linear 0x1000): dd 05 00 00 00 d0");
        }
    }

    @Test
    void passesOnWhatADeviceThrows_andCanRunAgain() {
        try (TinyGuest guest = guest("spin").startProtected()) {
            IoBuses failing = new IoBuses();
            failing.ports().add(DEVICE_PORT, 1, "failing", new FailingDevice());

            assertThatIllegalStateException()
                    .isThrownBy(() -> guest.vcpu().run(failing))
                    .withMessage("as the test wants");
            guest.vcpu().kick();
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
        }
    }

    @Test
    void knowsTheActivityOfEachVcpu() {
        try (TinyGuest guest = guest("spin").startProtected()) {
            Vcpu second = guest.vm().createVcpu(1);
            assertThat(second.activity()).isEqualTo(ActivityState.UNINITIALIZED);

            second.activity(ActivityState.RUNNING);

            assertThat(second.activity()).isEqualTo(ActivityState.RUNNING);
            assertThat(second.index()).isEqualTo(1);
        }
    }

    @Test
    void readsAndWritesBackEachMsrThatItLists() {
        try (TinyGuest guest = guest("spin").startProtected()) {
            int[] indices = guest.vcpu().msrIndices();

            List<MsrEntry> values = guest.vcpu().msrs(indices);

            assertThat(values).extracting(MsrEntry::index).containsExactlyElementsOf(ints(indices));
            assertThatNoException().isThrownBy(() -> guest.vcpu().msrs(values));
        }
    }

    @Test
    void goesOnInAnotherMachine_whenItsStateIsMoved() {
        try (TinyGuest first = guest("hello32").startProtected();
                TinyGuest second = guest("hello32").startReal()) { // what it starts in is overwritten
            first.vcpu().registers(first.vcpu().registers().withRbx(7));
            first.vcpu().kick();
            assertThat(first.run()).isEqualTo(VcpuExit.KICKED);

            second.vcpu().specialRegisters(first.vcpu().specialRegisters());
            second.vcpu().fpuState(first.vcpu().fpuState());
            second.vcpu().debugRegisters(first.vcpu().debugRegisters());
            second.vcpu().msrs(first.vcpu().msrs(first.vcpu().msrIndices()));
            second.vcpu().lapic(first.vcpu().lapic());
            second.vcpu().activity(first.vcpu().activity());
            second.vcpu().events(first.vcpu().events());
            second.vcpu().registers(first.vcpu().registers());

            assertThat(second.run()).isEqualTo(VcpuExit.KICKED);
            assertThat(second.handler().serial()).isEqualTo("hello from 32 bits\n");
            assertThat(second.handler().exitCode()).isEqualTo(43);
            assertThat(second.vcpu().registers().rbx()).isEqualTo(7);
        }
    }

    @Test
    void knowsTheFrequencyOfTheTimeStampCounter() {
        try (TinyGuest guest = guest("spin")) {
            assertThat(guest.vcpu().tscKhz()).isBetween(0L, 10_000_000L);
        }
    }

    /**
     * KVM takes a higher frequency of a processor that does not scale the counter too, and then sets the
     * counter forward now and then (tsc_catchup in arch/x86/kvm/x86.c): nothing that a guest can use.
     */
    @Test
    void hasTheFrequencyThatItIsGiven_whereTheProcessorScalesTheCounter() {
        boolean scales;
        try (FileDescriptor device = FileDescriptor.openReadWrite("/dev/kvm")) {
            scales = KvmCapability.TSC_CONTROL.check(device) != 0;
        }
        try (VirtualMachine vm = kvm.createVm("scaled", InterruptMode.KERNEL)) {
            long own = vm.createVcpu(0).tscKhz();
            vm.tscKhz(2 * own);

            assertThat(vm.createVcpu(1).tscKhz()).isEqualTo(scales ? 2 * own : own);
        }
    }

    private TinyGuest guest(String program) {
        return new TinyGuest(kvm, InterruptMode.KERNEL, program);
    }

    /** Another processor of the machine of guest "smp", which has three. */
    private static Vcpu processor(TinyGuest guest, int index) {
        Vcpu vcpu = guest.vm().createVcpu(index);
        vcpu.cpuid(GuestCpuid.forVcpu(guest.vm().supportedCpuid(), index, 3, /* tscDeadline= */ false));
        return vcpu;
    }

    private static List<Integer> ints(int[] values) {
        return IntStream.of(values).boxed().toList();
    }

    private static byte[] program() {
        return TinyGuest.program("spin");
    }

    private static void awaitBriefly() throws InterruptedException {
        TimeUnit.MILLISECONDS.sleep(20);
    }

    /** Waits for something another thread does. */
    private static void await(BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadline > 0) throw new AssertionError("waited 20 s in vain");
            TimeUnit.MILLISECONDS.sleep(1);
        }
    }

    private static final class FailingDevice implements BusDevice {
        @Override
        public long read(long offset, int size) {
            throw new IllegalStateException("as the test wants");
        }

        @Override
        public void write(long offset, int size, long value) {
            throw new IllegalStateException("as the test wants");
        }
    }
}
