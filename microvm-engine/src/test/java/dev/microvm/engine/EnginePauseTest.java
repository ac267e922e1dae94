package dev.microvm.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.clock.GuestClock;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.testing.PauseContract;
import dev.microvm.testing.TinyGuest;
import dev.microvm.vcpu.VcpuThreads;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** The engine keeps the contract of pauses. */
final class EnginePauseTest extends PauseContract {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    @Override
    protected Hypervisor hypervisor() {
        return new EngineHypervisor();
    }

    @Override
    protected InterruptMode mode() {
        return InterruptMode.SPLIT;
    }

    @Test
    void leavesTheTimeAsItIs_whenItPassesByInstructions() throws Exception {
        try (TinyGuest guest =
                new TinyGuest(hypervisor(), mode(), "count", GuestClock.instructions(1)).startProtected()) {
            VirtualMachine vm = guest.vm();
            VcpuThreads threads = guest.threads();
            threads.start();
            while (vm.clockNanos() == 0) Thread.onSpinWait();
            threads.pause(PATIENCE);
            long before = vm.clockNanos();

            vm.pauseClock();
            vm.resumeClock(ClockOnResume.CATCH_UP);

            assertThat(vm.clockNanos()).isEqualTo(before);
            threads.resume();
            while (vm.clockNanos() == before) Thread.onSpinWait();
            assertThat(threads.stopAndJoin(PATIENCE)).isTrue();
        }
    }
}
