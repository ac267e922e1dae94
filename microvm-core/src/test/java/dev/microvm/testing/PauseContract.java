package dev.microvm.testing;

import static dev.microvm.clock.ClockOnResume.CATCH_UP;
import static dev.microvm.clock.ClockOnResume.CONTINUE;
import static dev.microvm.hypervisor.MsrNumbers.IA32_TIME_STAMP_COUNTER;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.hypervisor.ActivityState;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.IrqRoute;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.irq.IrqLine;
import dev.microvm.vcpu.VcpuThreads;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What every {@link Hypervisor} does with a machine that is paused, shown by tiny guests. Times are
 * compared one-sided, with what the host's clock said before and after, so that a slow host changes
 * nothing.
 */
@Timeout(120)
public abstract class PauseContract {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Duration PAUSE = Duration.ofMillis(200);
    private static final Duration TIMER = Duration.ofMillis(150); // shorter than the pause
    private static final long NANOS_PER_MILLI = 1_000_000;
    private static final double ACCURACY = 0.98; // of frequencies, and of the moment at which time stops

    private static final int READY = 0xaa; // what guest "apictimer" reports when its timer is armed
    private static final int MESSAGE = 0xbb; // and for a message
    private static final int TIMER_VECTOR = 0x40;
    private static final int MESSAGE_VECTOR = 0x41;
    private static final long MSI_ADDRESS = 0xfee0_0000L; // to APIC 0: Intel SDM vol. 3A, 11.11.1
    private static final int SOME_GSI = 10;
    private static final int APIC_IRR_40 = 0x220; // vectors 0x40 to 0x5f: Intel SDM vol. 3A, table 11-1
    private static final int APIC_CURRENT_COUNT = 0x390;

    private static final long COUNTERS = 0x5000; // of guest "count", one for each vCPU
    private static final long COUNTER_STRIDE = 0x40;
    private static final long GUEST_TIME_STAMP = 4; // offset behind a counter
    private static final long CLOCK_PAGE = 0x5000; // of guest "kvmclock"
    private static final long PVCLOCK_FLAGS = 29; // in struct pvclock_vcpu_time_info: Linux pvclock-abi.h
    private static final int PVCLOCK_GUEST_STOPPED = 1 << 1;
    private static final int CPUID_FEATURES = 1;
    private static final int CPUID_TSC_DEADLINE = 1 << 24; // in ECX: Intel SDM vol. 2A, table 3-10

    /** The modes of a local APIC's timer: Intel SDM vol. 3A, figure 11-8. */
    enum TimerMode {
        ONE_SHOT(0),
        PERIODIC(1),
        TSC_DEADLINE(2);

        private static final int SHIFT = 17;
        final int entry;

        TimerMode(int mode) {
            entry = mode << SHIFT | TIMER_VECTOR;
        }
    }

    /** The implementation under test. */
    protected abstract Hypervisor hypervisor();

    /** A mode in which the hypervisor has the local APICs. */
    protected abstract InterruptMode mode();

    /** Whether the host can set a guest's time-stamp counter, without which it does not stand. */
    protected boolean setsTimeStamps() {
        return true;
    }

    private TinyGuest guest(String program) {
        return new TinyGuest(hypervisor(), mode(), program);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    void makesNoProgress_whenPausedAHundredTimes(int vcpus) throws Exception {
        try (TinyGuest guest = guest("count").startProtected()) {
            List<Vcpu> all = counting(guest, vcpus);
            VcpuThreads threads = start(guest, all);
            for (int i = 0; i < 100; i++) {
                List<Long> before = counters(guest, vcpus);
                await(() -> allHaveMoved(before, counters(guest, vcpus)));

                threads.pause(PATIENCE);

                List<Long> counted = counters(guest, vcpus);
                List<Registers> registers = all.stream().map(Vcpu::registers).toList();
                assertThat(all.stream().map(Vcpu::registers)).isEqualTo(registers);
                assertThat(counters(guest, vcpus)).isEqualTo(counted);
                threads.resume();
            }
            assertThat(threads.stopAndJoin(PATIENCE)).isTrue();
        }
    }

    @Test
    void hasEndedEachAccess_whenPaused() throws Exception {
        try (TinyGuest guest = guest("poll").startProtected()) {
            AtomicLong last = new AtomicLong();
            guest.handler().answer(nth -> {
                last.set(nth);
                return nth;
            });
            VcpuThreads threads = start(guest, List.of(guest.vcpu()));
            for (int i = 0; i < 100; i++) {
                long before = last.get();
                await(() -> last.get() > before);

                threads.pause(PATIENCE);

                assertThat(guest.vcpu().registers().rax()).isEqualTo(last.get());
                threads.resume();
            }
            assertThat(threads.stopAndJoin(PATIENCE)).isTrue();
        }
    }

    @Test
    void staysHalted_untilAnInterruptThatCameInThePause() throws Exception {
        try (TinyGuest guest = guest("msi").startRealWithApic()) {
            VcpuThreads threads = start(guest, List.of(guest.vcpu()));
            await(() -> guest.handler().values().contains((long) READY));
            await(() -> pausedActivity(threads, guest.vcpu()) == ActivityState.HALTED);
            for (long nth = 1; nth <= 3; nth++) {
                long seen = nth;
                threads.pause(PATIENCE);
                threads.resume();
                threads.pause(PATIENCE);
                assertThat(guest.vcpu().activity()).isEqualTo(ActivityState.HALTED);

                guest.vm().signalMsi(MSI_ADDRESS, TIMER_VECTOR);

                assertThat(guest.handler().values()).doesNotContain(seen);
                threads.resume();
                await(() -> guest.handler().values().contains(seen));
                if (nth < 3) await(() -> pausedActivity(threads, guest.vcpu()) == ActivityState.HALTED);
            }
            assertThat(guest.handler().exit().get(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                    .isEqualTo(8);
            assertThat(threads.stopAndJoin(PATIENCE)).isTrue();
        }
    }

    private static ActivityState pausedActivity(VcpuThreads threads, Vcpu vcpu) {
        threads.pause(PATIENCE);
        ActivityState activity = vcpu.activity();
        threads.resume();
        return activity;
    }

    @Test
    void showsOneMoment_whileTheClockIsPaused() throws Exception {
        try (TinyGuest guest = guest("count").startProtected()) {
            VirtualMachine vm = guest.vm();
            Vcpu vcpu = guest.vcpu();
            try (AutoCloseable loop = vm.eventLoop()) {
                assertThat(loop).isNotNull();
                vm.pauseClock();
                vm.pauseClock(); // twice is once
                long nanos = vm.eventLoop().nanoTime();
                List<?> first = List.of(vcpu.msrs(IA32_TIME_STAMP_COUNTER), vcpu.lapic(), clockNanos(vm));
                pass(Duration.ofMillis(5));

                assertThat(List.of(vcpu.msrs(IA32_TIME_STAMP_COUNTER), vcpu.lapic(), clockNanos(vm)))
                        .isEqualTo(first);
                assertThat(vm.eventLoop().nanoTime()).isEqualTo(nanos);

                vm.resumeClock(CONTINUE);
                await(() -> vm.eventLoop().nanoTime() > nanos);
            }
        }
    }

    private static long clockNanos(VirtualMachine vm) {
        assumeTrue(vm.supports(Capability.PARAVIRTUAL_CLOCK));
        return vm.clockNanos();
    }

    @ParameterizedTest
    @CsvSource({"CONTINUE, 1", "CONTINUE, 4", "CATCH_UP, 1", "CATCH_UP, 4"})
    void countsThePause_onlyWhenItIsToCatchUp(ClockOnResume how, int vcpus) throws Exception {
        try (TinyGuest guest = guest("count").startProtected()) {
            List<Vcpu> all = counting(guest, vcpus);
            VcpuThreads threads = start(guest, all);
            List<Long> atStart = counters(guest, vcpus);
            await(() -> allHaveMoved(atStart, counters(guest, vcpus)));
            threads.pause(PATIENCE);
            long hostBefore = System.nanoTime();
            List<Double> before = times(guest, all);

            guest.vm().pauseClock();
            pass(PAUSE);
            guest.vm().resumeClock(how);
            List<Long> counted = counters(guest, vcpus);
            threads.resume();
            await(() -> allHaveMoved(counted, counters(guest, vcpus)));
            threads.pause(PATIENCE);

            List<Double> after = times(guest, all);
            long hostPassed = System.nanoTime() - hostBefore;
            for (int i = 0; i < before.size(); i++) {
                double passed = after.get(i) - before.get(i);
                if (how == CONTINUE && (setsTimeStamps() || i == 0)) {
                    assertThat(passed).as("clock %d", i).isBetween(0.0, hostPassed - PAUSE.toNanos() * ACCURACY);
                } else {
                    assertThat(passed).as("clock %d", i).isGreaterThan(PAUSE.toNanos() * ACCURACY);
                }
            }
            assertThat(threads.stopAndJoin(PATIENCE)).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(ClockOnResume.class)
    void tellsTheParavirtualClockOfAPause_soThatWatchdogsStayQuiet(ClockOnResume how) throws Exception {
        try (TinyGuest guest = guest("kvmclock").startProtected()) {
            assumeTrue(guest.vm().supports(Capability.PARAVIRTUAL_CLOCK));
            guest.handler().answer(nth -> nth == 0 ? CLOCK_PAGE | 1 : 0);
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED); // it has the clock now
            assertThat(guest.memory().getByte(CLOCK_PAGE + PVCLOCK_FLAGS) & PVCLOCK_GUEST_STOPPED)
                    .isZero();

            guest.vm().pauseClock();
            guest.vm().resumeClock(how);
            VcpuThreads threads = start(guest, List.of(guest.vcpu()));

            await(() -> (guest.memory().getByte(CLOCK_PAGE + PVCLOCK_FLAGS) & PVCLOCK_GUEST_STOPPED) != 0);
            assertThat(threads.stopAndJoin(PATIENCE)).isTrue();
        }
    }

    /**
     * The paravirtual clock and each time-stamp counter, in nanoseconds; no guest has read more
     * than its counter shows.
     */
    private static List<Double> times(TinyGuest guest, List<Vcpu> vcpus) {
        List<Double> times = new ArrayList<>();
        times.add((double) clockNanos(guest.vm()));
        for (Vcpu vcpu : vcpus) {
            long counter = vcpu.msrs(IA32_TIME_STAMP_COUNTER).getFirst().value();
            assertThat(guest.memory().getLong(counter(vcpu.index()) + GUEST_TIME_STAMP))
                    .as("what vCPU %d has read", vcpu.index())
                    .isLessThanOrEqualTo(counter);
            times.add(nanos(counter, vcpu.tscKhz()));
        }
        return times;
    }

    @ParameterizedTest
    @EnumSource(TimerMode.class)
    void firesATimerAsMuchLater_whenTheClockContinues(TimerMode mode) throws Exception {
        try (TimerGuest guest = new TimerGuest(mode, TIMER)) {
            long start = System.nanoTime();
            guest.startAndArm();
            boolean armed = guest.pauseBeforeItFires(CONTINUE);
            await(() -> guest.fired() > 0);
            long hostPassed = System.nanoTime() - start;

            assertThat(guest.nanosUntilItFired()).isGreaterThan(TIMER.toNanos() * ACCURACY);
            if (armed) {
                assertThat((double) hostPassed).isGreaterThan((TIMER.toNanos() + PAUSE.toNanos()) * ACCURACY);
                if (setsTimeStamps()) {
                    assertThat(guest.nanosUntilItFired()).isLessThan(hostPassed - PAUSE.toNanos() * ACCURACY);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(TimerMode.class)
    void firesATimerThatIsDue_whenTheClockCatchesUp(TimerMode mode) throws Exception {
        try (TimerGuest guest = new TimerGuest(mode, TIMER)) {
            guest.startAndArm();
            boolean armed = guest.pauseBeforeItFires(CATCH_UP);
            await(() -> guest.fired() > 0);

            double least = armed ? PAUSE.toNanos() : TIMER.toNanos();
            assertThat(guest.nanosUntilItFired()).isGreaterThan(least * ACCURACY);
        }
    }

    /** Whoever continues from the page alone must know that the interrupt is still to come. */
    @Test
    void showsATimerAsDueOrItsInterrupt_whenItExpiredWhileNothingRan() throws Exception {
        try (TimerGuest guest = new TimerGuest(TimerMode.ONE_SHOT, TIMER)) {
            guest.startAndArm();
            guest.threads.pause(PATIENCE);
            pass(PAUSE);
            guest.tiny.vm().pauseClock();
            int before = guest.fired();
            ByteBuffer page =
                    ByteBuffer.wrap(guest.tiny.vcpu().lapic().registers()).order(ByteOrder.LITTLE_ENDIAN);
            guest.tiny.vm().resumeClock(CONTINUE);
            guest.threads.resume();

            await(() -> guest.fired() > 0);
            boolean pending = (page.getInt(APIC_IRR_40) & 1) != 0;
            boolean due = page.getInt(APIC_CURRENT_COUNT) != 0;
            if (before == 0) assertThat(pending || due).isTrue();
        }
    }

    @Test
    void losesNoInterrupt_thatComesWhileTheClockIsSet() throws Exception {
        try (TimerGuest guest = new TimerGuest(TimerMode.ONE_SHOT, Duration.ofSeconds(3))) {
            VirtualMachine vm = guest.tiny.vm();
            vm.routes(List.of(new IrqRoute.Msi(SOME_GSI, MSI_ADDRESS, MESSAGE_VECTOR)));
            IrqLine edge = vm.edgeLine(SOME_GSI);
            IrqLine line = vm.irqLine(SOME_GSI);
            List<Runnable> ways = List.of(edge::pulse, line::pulse, () -> vm.signalMsi(MSI_ADDRESS, MESSAGE_VECTOR));
            guest.startAndArm();
            for (int i = 0; i < 60; i++) {
                int expected = i + 1;
                guest.threads.pause(PATIENCE);
                vm.pauseClock();
                CompletableFuture<Void> sent = CompletableFuture.runAsync(ways.get(i % ways.size()));
                vm.resumeClock(CONTINUE);
                sent.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
                guest.threads.resume();
                await(() -> guest.messages() == expected);
            }
        }
    }

    /** Guest "apictimer" with its thread. */
    private final class TimerGuest implements AutoCloseable {
        private static final int HEAD = 3; // values that it reports first: two halves of its time, and READY
        private static final int HALVES = 2;

        final TinyGuest tiny = guest("apictimer");
        final VcpuThreads threads = tiny.threads();
        private final long tscKhz = tiny.vcpu().tscKhz();

        TimerGuest(TimerMode mode, Duration timer) {
            boolean deadline = mode == TimerMode.TSC_DEADLINE;
            assumeTrue(!deadline || tiny.vm().supports(Capability.TSC_DEADLINE));
            long ticks = timer.toNanos() * tscKhz / NANOS_PER_MILLI;
            long[] answers = {mode.entry, deadline ? 0 : timer.toNanos(), deadline ? ticks : 0};
            tiny.handler().answer(nth -> answers[(int) nth]);
            tiny.vcpu().cpuid(withTscDeadline(tiny.vm().supportedCpuid()));
            tiny.startRealWithApic();
        }

        void startAndArm() throws InterruptedException {
            threads.start();
            await(() -> tiny.handler().values().size() >= HEAD);
            assertThat(tiny.handler().values().get(HEAD - 1)).isEqualTo((long) READY);
        }

        /**
         * Pauses the machine for longer than the timer runs; returns whether it had not fired
         * before.
         */
        boolean pauseBeforeItFires(ClockOnResume how) {
            threads.pause(PATIENCE);
            tiny.vm().pauseClock();
            int before = fired();
            pass(PAUSE);
            assertThat(fired()).isEqualTo(before);
            tiny.vm().resumeClock(how);
            threads.resume();
            return before == 0;
        }

        int fired() {
            return (tiny.handler().values().size() - HEAD - messages()) / HALVES;
        }

        int messages() {
            return (int) tiny.handler().values().stream()
                    .filter(value -> value == MESSAGE)
                    .count();
        }

        /** By the guest's time-stamp counter. */
        double nanosUntilItFired() {
            List<Long> values = tiny.handler().values();
            long ticks = whole(values.get(HEAD), values.get(HEAD + 1)) - whole(values.get(0), values.get(1));
            return nanos(ticks, tscKhz);
        }

        private static long whole(long low, long high) {
            return high << Integer.SIZE | low;
        }

        @Override
        public void close() {
            assertThat(threads.stopAndJoin(PATIENCE)).isTrue();
            tiny.close();
        }
    }

    private static List<CpuidEntry> withTscDeadline(List<CpuidEntry> table) {
        return table.stream()
                .map(each -> each.function() == CPUID_FEATURES
                        ? each.answering(each.eax(), each.ebx(), each.ecx() | CPUID_TSC_DEADLINE, each.edx())
                        : each)
                .toList();
    }

    private static double nanos(long ticks, long khz) {
        return (double) ticks * NANOS_PER_MILLI / khz;
    }

    /** The vCPUs of guest "count", each with a counter of its own. */
    private static List<Vcpu> counting(TinyGuest guest, int vcpus) {
        List<Vcpu> all = new ArrayList<>(List.of(guest.vcpu()));
        for (int i = 1; i < vcpus; i++) {
            Vcpu other = guest.vm().createVcpu(i);
            other.cpuid(guest.vm().supportedCpuid());
            other.specialRegisters(guest.vcpu().specialRegisters());
            other.activity(ActivityState.RUNNING);
            all.add(other);
        }
        for (Vcpu vcpu : all) vcpu.registers(guest.vcpu().registers().withRsi(counter(vcpu.index())));
        return all;
    }

    private static VcpuThreads start(TinyGuest guest, List<Vcpu> vcpus) {
        VcpuThreads threads = guest.threads(vcpus.subList(1, vcpus.size()).toArray(Vcpu[]::new));
        threads.start();
        return threads;
    }

    private static long counter(int vcpu) {
        return COUNTERS + vcpu * COUNTER_STRIDE;
    }

    private static List<Long> counters(TinyGuest guest, int vcpus) {
        return IntStream.range(0, vcpus)
                .mapToObj(vcpu -> Integer.toUnsignedLong(guest.memory().getInt(counter(vcpu))))
                .toList();
    }

    private static boolean allHaveMoved(List<Long> before, List<Long> after) {
        return IntStream.range(0, before.size()).allMatch(i -> after.get(i) > before.get(i));
    }

    /** Lets time pass: what is tested is that it does, or does not, for the guest. */
    private static void pass(Duration time) {
        long end = System.nanoTime() + time.toNanos();
        for (long left = time.toNanos(); left > 0; left = end - System.nanoTime()) LockSupport.parkNanos(left);
    }

    /** Waits for something another thread does. */
    private static void await(BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadline > 0) throw new AssertionError("waited 20 s in vain");
            TimeUnit.MILLISECONDS.sleep(1);
        }
    }
}
