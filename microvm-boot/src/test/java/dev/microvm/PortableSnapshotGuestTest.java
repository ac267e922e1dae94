package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.testing.PortableMachine;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import dev.microvm.model.SnapshotException;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A tiny guest that goes from the engine to KVM and back, in the middle of what it does. */
@Lanes.Kvm
@Timeout(300)
final class PortableSnapshotGuestTest {
    private static final Duration SOON = Duration.ofSeconds(90);
    private static final String PROGRESS = "."; // of virtio.S

    @TempDir
    private Path folder;

    private int snapshots;

    /** Describes a machine with the features that both hypervisors have. */
    private MicroVmBuilder guest(HypervisorChoice on) {
        return PortableMachine.of(TinyKernel.of("virtio", folder, "endless"), on)
                .virtioRng(new SplittableRandom(1));
    }

    /** Lets the guest work, saves it, and continues it on a hypervisor. */
    private MicroVm moved(MicroVm vm, HypervisorChoice to) {
        vm.console().awaitText(PROGRESS, SOON);
        Snapshot snapshot = vm.snapshot(folder.resolve("snapshot" + snapshots++));
        vm.close();
        return snapshot.restore()
                .hypervisor(to)
                .code(again -> again.virtioRng(new SplittableRandom(2)))
                .start();
    }

    private static void assertLosesNothing(MicroVm vm) {
        vm.console().awaitText(PROGRESS, SOON);
        vm.console().type("x"); // the guest ends
        assertThat(vm.awaitExit(SOON).exitCode()).as(vm.console().text()).hasValue(0);
        assertThat(vm.console().text()).endsWith("\nlost 00\n");
    }

    @Test
    void continuesOnKvmAndBack_whenItBeganOnTheEngine() {
        MicroVm vm =
                guest(HypervisorChoice.ENGINE).tscKhz(PortableMachine.hostKhz()).start();
        try {
            vm = moved(vm, HypervisorChoice.KVM);
            assertThat(vm.hypervisor()).isEqualTo("kvm");
            vm = moved(vm, HypervisorChoice.ENGINE);
            vm = moved(vm, HypervisorChoice.KVM);
            assertLosesNothing(vm);
        } finally {
            vm.close();
        }
    }

    @Test
    void continuesOnTheEngine_whenItBeganOnKvm() {
        MicroVm vm = guest(HypervisorChoice.KVM).start();
        try {
            vm = moved(vm, HypervisorChoice.ENGINE);
            assertThat(vm.hypervisor()).isEqualTo("engine");
            assertLosesNothing(vm);
        } finally {
            vm.close();
        }
    }

    @Test
    void saysWhatIsMissing_whenTheOtherCannotContinueIt() {
        try (MicroVm vm = TinyKernel.of("virtio", folder, "endless")
                .hypervisor(HypervisorChoice.KVM)
                .irqchip(Irqchip.SPLIT)
                .virtioRng(new SplittableRandom(1))
                .start()) {
            assertThatExceptionOfType(MicroVmConfigException.class)
                    .isThrownBy(() -> moved(vm, HypervisorChoice.ENGINE))
                    .withMessageContaining("the guest has found")
                    .withMessageContaining("kvm-steal-time");
        }
        MicroVm other = guest(HypervisorChoice.ENGINE).start(); // at 1 GHz, which no such host has
        assertThatExceptionOfType(SnapshotException.class)
                .isThrownBy(() -> moved(other, HypervisorChoice.KVM))
                .withMessageContaining("its time-stamp counter has 1000000 kHz")
                .withMessageContaining("tscKhz(" + PortableMachine.hostKhz() + ")");
    }
}
