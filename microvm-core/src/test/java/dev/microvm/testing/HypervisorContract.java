package dev.microvm.testing;

import static dev.microvm.hypervisor.MsrNumbers.IA32_LSTAR;
import static dev.microvm.hypervisor.MsrNumbers.IA32_STAR;
import static dev.microvm.hypervisor.MsrNumbers.MSR_KVM_SYSTEM_TIME_NEW;
import static dev.microvm.testing.RecordingHandler.DEVICE_MMIO;
import static dev.microvm.testing.RecordingHandler.DEVICE_PORT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.clock.GuestClock;
import dev.microvm.cpuid.CpuFeature;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.DebugRegisters;
import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.FpuState;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.VcpuEvents;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.irq.IrqLine;
import dev.microvm.testing.RecordingHandler.Access;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Tests of every {@link Hypervisor} with tiny guests. The tests of each implementation extend it.
 */
@Timeout(60)
public abstract class HypervisorContract {
    private static final int READY = 0xaa; // what guests write to the device port when they are set up
    private static final long PVCLOCK_SYSTEM_TIME = 16; // offset in struct pvclock_vcpu_time_info
    private static final long PATTERN = 0x1122_3344_5566_7788L;

    /** Returns the implementation under test. */
    protected abstract Hypervisor hypervisor();

    /** Returns the interrupt mode for guests that need no interrupt. */
    protected abstract InterruptMode anyMode();

    protected final TinyGuest guest(String program) {
        return new TinyGuest(hypervisor(), anyMode(), program);
    }

    @Test
    void runsRealMode_fromTheStateThatWasSet() {
        try (TinyGuest guest = guest("hello16").startReal()) {
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            assertThat(guest.handler().serial()).isEqualTo("hello from 16 bits\n");
            assertThat(guest.handler().exitCode()).isEqualTo(42);
        }
    }

    @Test
    void runsProtectedMode_fromTheStateThatWasSet() {
        try (TinyGuest guest = guest("hello32").startProtected()) {
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            assertThat(guest.handler().serial()).isEqualTo("hello from 32 bits\n");
            assertThat(guest.handler().exitCode()).isEqualTo(43);
        }
    }

    @Test
    void runsLongMode_fromTheStateThatWasSet() {
        try (TinyGuest guest = guest("hello64").startLong()) {
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            assertThat(guest.handler().serial()).isEqualTo("hello from 64 bits\n");
            assertThat(guest.handler().exitCode()).isEqualTo(44);
        }
    }

    @Test
    void servesStringInstructionsItemByItem() {
        try (TinyGuest guest = guest("strings").startProtected()) {
            guest.handler().answer(nth -> 0x10 + nth);
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            List<Access> writes = guest.handler().writes();
            assertThat(writes).hasSize(16 + 4 + 2).allMatch(access -> access.address() == DEVICE_PORT);
            assertThat(writes.subList(0, 16))
                    .extracting(Access::value)
                    .startsWith(0x10L, 0x11L)
                    .endsWith(0x1fL);
            assertThat(writes.subList(16, 20))
                    .containsExactly(
                            new Access(DEVICE_PORT, 2, 0x1110),
                            new Access(DEVICE_PORT, 2, 0x1312),
                            new Access(DEVICE_PORT, 2, 0x1514),
                            new Access(DEVICE_PORT, 2, 0x1716));
            assertThat(writes.subList(20, 22))
                    .containsExactly(new Access(DEVICE_PORT, 4, 0x1312_1110), new Access(DEVICE_PORT, 4, 0x1716_1514));
        }
    }

    @Test
    void servesMmioOfEachWidth() {
        try (TinyGuest guest = guest("mmio").startLong()) {
            guest.handler().answer(nth -> PATTERN);
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            assertThat(guest.handler().writes())
                    .containsExactly(
                            new Access(DEVICE_MMIO + 0x10, 1, 0x89),
                            new Access(DEVICE_MMIO + 0x10, 2, 0x7789),
                            new Access(DEVICE_MMIO + 0x10, 4, 0x5566_7789),
                            new Access(DEVICE_MMIO + 0x10, 8, PATTERN + 1));
        }
    }

    @Test
    void reportsShutdown_whenTheGuestTripleFaults() {
        try (TinyGuest guest = guest("triplefault").startProtected()) {
            assertThat(guest.run()).isEqualTo(VcpuExit.SHUTDOWN);
        }
    }

    @Test
    void returnsWithin100Milliseconds_whenKickedInATightLoop() throws Exception {
        try (TinyGuest guest = guest("spin").startProtected()) {
            CompletableFuture<VcpuExit> exit = CompletableFuture.supplyAsync(guest::run);
            await(() -> guest.handler().values().contains((long) READY));
            long start = System.nanoTime();
            guest.vcpu().kick();
            assertThat(exit.get(10, TimeUnit.SECONDS)).isEqualTo(VcpuExit.KICKED);
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofMillis(100));
        }
    }

    @Test
    void returnsAtOnce_whenKickedBeforeItRuns() {
        try (TinyGuest guest = guest("spin").startProtected()) {
            guest.vcpu().kick();
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            assertThat(guest.handler().writes()).isEmpty();
        }
    }

    @Test
    void readsBackGeneralRegisters() {
        try (TinyGuest guest = guest("spin").startProtected()) {
            Registers set = new Registers(
                    1,
                    2,
                    3,
                    4,
                    5,
                    6,
                    7,
                    8,
                    9,
                    10,
                    11,
                    12,
                    13,
                    14,
                    15,
                    -16,
                    0xffff_fff0L,
                    Registers.RFLAGS_RESERVED | 1);
            guest.vcpu().registers(set);
            assertThat(guest.vcpu().registers()).isEqualTo(set);
        }
    }

    @Test
    void readsBackSpecialRegisters() {
        try (TinyGuest guest = guest("spin").startLong()) {
            SpecialRegisters set = guest.vcpu()
                    .specialRegisters()
                    .withTables(new DescriptorTable(0x5000, 0x27), new DescriptorTable(0x6000, 0xfff))
                    .withTask(
                            SegmentRegister.systemSegment(0x18, SegmentRegister.TYPE_TSS_BUSY, 0x7000, 0x67),
                            SegmentRegister.systemSegment(0x28, SegmentRegister.TYPE_LDT, 0x7800, 0xf));
            guest.vcpu().specialRegisters(set);
            assertThat(guest.vcpu().specialRegisters()).isEqualTo(set);
        }
    }

    @Test
    void readsBackDebugRegisters() {
        try (TinyGuest guest = guest("spin").startProtected()) {
            DebugRegisters set = new DebugRegisters(0x1000, 0x2000, 0x3000, 0x4000, 0xffff_0ff1L, 0x455);
            guest.vcpu().debugRegisters(set);
            assertThat(guest.vcpu().debugRegisters()).isEqualTo(set);
        }
    }

    @Test
    void readsBackFpuState() {
        try (TinyGuest guest = guest("spin").startProtected()) {
            byte[] area = guest.vcpu().fpuState().xsave();
            area[0] = 0x7f; // FCW: Intel SDM vol. 1, table 10-2
            area[1] = 0x02;
            area[24] = (byte) 0x80; // MXCSR
            area[25] = 0x1f;
            area[160] = 0x5a; // XMM0
            area[512] = 0b11; // XSTATE_BV: x87 and SSE
            FpuState set = new FpuState(area, 0b11);
            guest.vcpu().fpuState(set);
            assertThat(guest.vcpu().fpuState()).isEqualTo(set);
        }
    }

    @Test
    void readsBackModelSpecificRegisters() {
        MsrEntry lstar = new MsrEntry(IA32_LSTAR, 0xffff_8000_1234_5678L);
        MsrEntry star = new MsrEntry(IA32_STAR, 0x0023_0010_0000_0000L);
        try (TinyGuest guest = guest("spin").startProtected()) {
            assertThat(guest.vcpu().msrIndices()).contains(lstar.index(), star.index());
            guest.vcpu().msrs(List.of(lstar, star));
            assertThat(guest.vcpu().msrs(lstar.index(), star.index())).containsExactly(lstar, star);
        }
    }

    @Test
    void namesTheMsr_whenItRefusesOne() {
        try (TinyGuest guest = guest("spin").startProtected()) {
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> guest.vcpu().msrs(List.of(new MsrEntry(0x4b56_4dff, 1))))
                    .withMessageContaining("0x4b564dff");
        }
    }

    @Test
    void keepsAParavirtualClockInMemory_whereTheGuestAsks() {
        long page = 0x5000; // as guest "kvmclock" expects it
        try (TinyGuest guest = guest("kvmclock").startProtected()) {
            assumeTrue(guest.vm().supports(Capability.PARAVIRTUAL_CLOCK));
            guest.handler().answer(nth -> nth == 0 ? page | 1 : 0);
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            List<Long> seen = guest.handler().values();
            assertThat(seen).hasSize(4);
            assertThat(seen.get(0)).as("version").isPositive().matches(version -> version % 2 == 0, "even");
            assertThat(seen.get(1)).as("multiplier").isPositive();
            assertThat(seen.get(3)).as("MSR").isEqualTo(page | 1);
        }
    }

    @Test
    void setsItsParavirtualClock() {
        long page = 0x5000;
        long anHour = 3_600_000_000_000L;
        try (TinyGuest guest = guest("hello32").startProtected()) {
            assumeTrue(guest.vm().supports(Capability.PARAVIRTUAL_CLOCK));
            assertThat(guest.vm().clockNanos()).isBetween(0L, anHour - 1);
            guest.vm().clockNanos(anHour);
            assertThat(guest.vm().clockNanos()).isGreaterThanOrEqualTo(anHour);
            assertThat(guest.vcpu().msrIndices()).contains(MSR_KVM_SYSTEM_TIME_NEW);
            guest.vcpu().msrs(List.of(new MsrEntry(MSR_KVM_SYSTEM_TIME_NEW, page | 1)));
            guest.run();
            assertThat(guest.vcpu().msrs(MSR_KVM_SYSTEM_TIME_NEW))
                    .containsExactly(new MsrEntry(MSR_KVM_SYSTEM_TIME_NEW, page | 1));
            assertThat(guest.memory().getLong(page + PVCLOCK_SYSTEM_TIME)).isBetween(anHour, anHour * 2);
        }
    }

    @Test
    void readsBackPendingEvents() {
        VcpuEvents set = new VcpuEvents(
                false, false, 0, false, 0, /* interruptInjected= */ true, 0x55, false, 0, false, false, true, 0);
        try (TinyGuest guest = guest("spin").startProtected()) {
            guest.vcpu().events(set);
            VcpuEvents got = guest.vcpu().events();
            assertThat(got.interruptInjected()).isTrue();
            assertThat(got.interruptVector()).isEqualTo(0x55);
            assertThat(got.nmiMasked()).isTrue();
        }
    }

    @Test
    void reportsCpuFeatures_beforeAMachineExists() {
        try (TinyGuest guest = guest("spin")) {
            List<CpuidEntry> supported = hypervisor().supportedCpuid(GuestClock.HOST);
            assertThat(CpuFeature.in(supported)).extracting(CpuFeature::name).contains("fpu", "msr", "lm", "syscall");
            assertThat(CpuFeature.in(guest.vm().supportedCpuid())).isEqualTo(CpuFeature.in(supported));
        }
    }

    @Test
    void refusesTwoRegionsInOneSlot() {
        try (TinyGuest guest = guest("spin")) {
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> guest.vm().map(0, guest.memory().regions().getFirst()))
                    .withMessage("memory slot 0 is in use");
        }
    }

    @Test
    void stopsSeeingMemory_whenItIsUnmapped() {
        try (TinyGuest guest = guest("hello16").startReal()) {
            guest.vm().unmap(0);
            guest.handler().answer(nth -> 0);
            guest.vm().map(0, guest.memory().regions().getFirst());
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            assertThat(guest.handler().exitCode()).isEqualTo(42);
        }
    }

    /**
     * Drives a line until the guest has seen three interrupts; the guest reports each on the device
     * port.
     */
    protected final void expectThreeInterrupts(TinyGuest guest, int exitCode, Runnable raise) throws Exception {
        CompletableFuture<VcpuExit> exit = CompletableFuture.supplyAsync(guest::run);
        for (long seen = 0; seen < 3; seen++) {
            long last = seen == 0 ? READY : seen;
            await(() -> guest.handler().values().contains(last));
            raise.run();
        }
        assertThat(exit.get(10, TimeUnit.SECONDS)).isEqualTo(VcpuExit.KICKED);
        assertThat(guest.handler().values().stream().filter(value -> value < 4)).containsExactly(1L, 2L, 3L);
        assertThat(guest.handler().exitCode()).isEqualTo(exitCode);
    }

    /** Raises a line and lowers it again: one edge. */
    protected static Runnable pulse(IrqLine line) {
        return line::pulse;
    }

    /** Waits up to 20 s for another thread to make the condition true. */
    protected static void await(BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadline > 0) throw new AssertionError("the condition was not true after 20 s");
            TimeUnit.MILLISECONDS.sleep(1);
        }
    }
}
