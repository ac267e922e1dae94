package dev.microvm.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.clock.GuestClock;
import dev.microvm.clock.Timers;
import dev.microvm.event.EventLoop;
import dev.microvm.event.Signal;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.testing.TinyGuest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Time that passes by instructions: what a guest and its devices see of it. */
@Timeout(60)
final class InstructionTimeTest {
    private static final Instant START = Instant.parse("2026-01-02T03:04:05Z");
    private static final GuestClock CLOCK = GuestClock.instructions(10).startingAt(START);

    private final List<String> seen = new ArrayList<>();

    @Test
    void refusesOtherDurations() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GuestClock.instructions(0))
                .withMessage("nanosPerInstruction: 1 to 1000, was 0");
    }

    @Test
    void refusesASecondCpu() {
        try (VirtualMachine vm = new EngineHypervisor().createVm("two", InterruptMode.SPLIT, CLOCK)) {
            assertThat(vm.maxVcpus()).isEqualTo(1);
            assertThatExceptionOfType(HypervisorException.class).isThrownBy(() -> vm.createVcpu(1));
        }
    }

    @Test
    void refusesInterruptsAtTimesOfTheHosts() {
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> new EngineHypervisor().createVm("user", InterruptMode.USERSPACE, CLOCK))
                .withMessageStartingWith("clock: ")
                .withMessageContaining("SPLIT");
    }

    /** Guest "spin" is an OUT behind three instructions, then a jump to itself. */
    @Test
    void countsInstructions() {
        try (TinyGuest guest = guest("spin")) {
            EventLoop time = guest.vm().eventLoop();
            List<Long> at = new ArrayList<>();
            for (long nanos : new long[] {0, 1000, 1005, 1_000_000}) {
                time.timer(() -> at.add(time.nanoTime())).armAt(nanos);
            }
            time.timer(guest.vcpu()::kick).armAt(1_000_000);
            guest.run();
            assertThat(at).hasSize(4).startsWith(0L);
            assertThat(at.get(1)).isBetween(1000L, 1240L); // at the end of a block of 24 at most
            assertThat(at.get(2)).isBetween(1010L, 1250L);
            assertThat(at.get(3)).isBetween(1_000_000L, 1_000_240L);
            assertThat(guest.vm().clockNanos()).isEqualTo(time.nanoTime());
        }
    }

    @Test
    void skipsToTheNextTimer_whileTheGuestWaits() {
        try (TinyGuest guest = busy()) {
            EventLoop time = guest.vm().eventLoop();
            long hour = 3_600_000_000_000L;
            time.timer(() -> guest.vm().signalMsi(0xfee0_0000L, 0x40)).armAt(1); // lost: its APIC is off
            time.timer(() -> seen.add("at " + time.nanoTime())).armAt(24 * hour);
            time.timer(guest.vcpu()::kick).armAt(24 * hour);
            guest.vcpu().run(new Ways(2));
            assertThat(seen).containsExactly("at " + 24 * hour);
        }
    }

    @Test
    void runsTimersOfOneTimeInTheOrderOfTheirArming_andTasksFirst() {
        try (TinyGuest guest = busy()) {
            EventLoop time = guest.vm().eventLoop();
            Timers.Timer cancelled = time.timer(() -> seen.add("cancelled"));
            cancelled.armAt(50);
            Timers.Timer again = time.timer(() -> seen.add("again"));
            again.armAt(10);
            for (int i = 0; i < 5; i++) {
                int number = i;
                time.timer(() -> seen.add("timer " + number)).armAt(50);
            }
            again.armAt(50);
            cancelled.cancel();
            time.timer(guest.vcpu()::kick).armAt(60);
            Signal signal = time.signal(() -> seen.add("signal"));
            signal.raise();
            signal.raise();
            time.execute(() -> {
                assertThat(time.onLoopThread()).isTrue();
                seen.add("task");
            });
            guest.vcpu().run(new Ways(0));
            assertThat(seen)
                    .containsExactly("signal", "task", "timer 0", "timer 1", "timer 2", "timer 3", "timer 4", "again");
        }
    }

    @Test
    void goesOn_whenATimerFailsOrArmsItselfForThePast() {
        try (TinyGuest guest = busy()) {
            EventLoop time = guest.vm().eventLoop();
            int[] left = {1000};
            Timers.Timer[] restless = new Timers.Timer[1];
            restless[0] = time.timer(() -> {
                if (left[0]-- > 0) restless[0].armAt(0);
                else guest.vcpu().kick();
                throw new IllegalStateException("of the test's: it is logged");
            });
            restless[0].armAt(0);
            guest.vcpu().run(new Ways(1));
            assertThat(left[0]).isNegative();
        }
    }

    @Test
    void doesTheSame_instructionForInstruction() {
        assertThat(trace()).isEqualTo(trace());
    }

    /** What a guest in a string instruction and with timers does, every 7 us. */
    private static List<Registers> trace() {
        List<Registers> trace = new ArrayList<>();
        try (TinyGuest guest = busy()) {
            EventLoop time = guest.vm().eventLoop();
            Timers.Timer[] self = new Timers.Timer[1];
            self[0] = time.timer(() -> {
                trace.add(guest.vcpu().registers());
                if (trace.size() == 200) guest.vcpu().kick();
                else self[0].armAt(time.nanoTime() + 700);
            });
            self[0].armAt(0);
            guest.vcpu().run(new Ways(6));
        }
        return trace;
    }

    @Test
    void showsItsTimeOfDay() {
        InstructionTime time = new InstructionTime((GuestClock.Instructions) CLOCK);
        assertThat(time.timeOfDay()).isEqualTo(START);
        time.timer(() -> {}).armAt(1_000_000_000);
        time.await();
        assertThat(time.timeOfDay()).isEqualTo(START.plusSeconds(1));
    }

    private static TinyGuest guest(String program) {
        return new TinyGuest(new EngineHypervisor(), InterruptMode.SPLIT, program, CLOCK).startProtected();
    }

    /** Guest "busy", which asks {@link Ways} what to do. */
    private static TinyGuest busy() {
        return new TinyGuest(new EngineHypervisor(), InterruptMode.SPLIT, "busy", CLOCK).startLong();
    }

    /** Tells guest "busy" what to do. */
    private record Ways(int way) implements NoDevices {
        @Override
        public long portIn(int port, int size) {
            return way;
        }
    }
}
