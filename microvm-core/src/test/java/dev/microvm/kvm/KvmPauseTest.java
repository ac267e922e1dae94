package dev.microvm.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.hypervisor.MsrNumbers;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.testing.Lanes;
import dev.microvm.testing.PauseContract;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** KVM keeps the contract of pauses. */
@Lanes.Kvm
final class KvmPauseTest extends PauseContract {
    @Override
    protected Hypervisor hypervisor() {
        return new KvmHypervisor();
    }

    @Override
    protected InterruptMode mode() {
        return InterruptMode.KERNEL;
    }

    /** Tries it, because kvm-pvm cannot. */
    @Override
    protected boolean setsTimeStamps() {
        long value = 1_000_000_000;
        try (VirtualMachine vm = hypervisor().createVm("time-stamp", mode())) {
            Vcpu vcpu = vm.createVcpu(0);
            vcpu.msrs(List.of(new MsrEntry(MsrNumbers.IA32_TIME_STAMP_COUNTER, value)));
            long then = vcpu.msrs(MsrNumbers.IA32_TIME_STAMP_COUNTER).getFirst().value();
            return then >= value && then < 1000 * value;
        }
    }

    @Test
    void restartsKvmsOwnTimer_whenTheClockContinues() {
        try (VirtualMachine vm = hypervisor().createVm("pit", InterruptMode.KERNEL)) {
            assumeTrue(vm.supports(Capability.KERNEL_PIT));
            vm.createPit();
            vm.createVcpu(0);
            for (ClockOnResume how : ClockOnResume.values()) {
                vm.pauseClock();
                assertThatNoException().isThrownBy(() -> vm.resumeClock(how));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(InterruptMode.class)
    void pausesTheClock_inEachInterruptMode(InterruptMode mode) {
        try (VirtualMachine vm = hypervisor().createVm("modes", mode)) {
            Vcpu first = vm.createVcpu(0);
            vm.createVcpu(1).close();
            vm.pauseClock();
            vm.clockNanos(5_000_000_000L);
            first.msrs(List.of(new MsrEntry(MsrNumbers.IA32_TIME_STAMP_COUNTER, 7)));

            assertThat(vm.clockNanos()).isEqualTo(5_000_000_000L);
            assertThat(first.msrs(MsrNumbers.IA32_TIME_STAMP_COUNTER).getFirst().value())
                    .isEqualTo(7);
            vm.createVcpu(2); // has no time to continue
            vm.resumeClock(ClockOnResume.CONTINUE);
            assertThat(vm.clockNanos()).isBetween(5_000_000_000L, 60_000_000_000L);
        }
    }
}
