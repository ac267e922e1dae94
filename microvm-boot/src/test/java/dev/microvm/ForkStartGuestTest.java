package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.boot.testing.TestMachine;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.hypervisor.Registers;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Starts of machines that continue from a fork: one that waits, and many at once. */
@Lanes.TinyGuests
@Timeout(300)
final class ForkStartGuestTest {
    private static final Duration SOON = Duration.ofSeconds(90);
    private static final int CHILDREN = 8;
    private static final String PROGRESS = "."; // of virtio.S

    @TempDir
    private Path folder;

    private MicroVm parent() {
        TestMachine.builder(Irqchip.SPLIT);
        MicroVm vm = TinyKernel.of("virtio", folder, "endless")
                .irqchip(Irqchip.SPLIT)
                .virtioRng()
                .start();
        vm.console().awaitText(PROGRESS, SOON);
        return vm;
    }

    @Test
    void waits_untilItIsResumed() {
        try (MicroVm parent = parent();
                Fork moment = parent.fork();
                MicroVm child = moment.restore().build().startPaused()) {
            assertThat(child.state()).isEqualTo(VmState.PAUSED);
            PausedMachine first = child.pause();
            Registers before = first.registers(0);
            parent.console().awaitText(PROGRESS, SOON); // time enough for a guest that ran
            assertThat(first.registers(0)).isEqualTo(before);
            assertThat(child.console().text()).isEmpty();

            child.resume();
            child.console().awaitText(PROGRESS, SOON);
        }
    }

    @Test
    void letsManyRun_whenAllAreThere() {
        try (MicroVm parent = parent();
                Fork moment = parent.fork()) {
            List<MicroVm> children = moment.start(CHILDREN);
            try {
                assertThat(children).hasSize(CHILDREN);
                for (MicroVm child : children) child.console().awaitText(PROGRESS, SOON);
            } finally {
                children.forEach(MicroVm::close);
            }
            assertThat(moment.start(0)).isEmpty();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> moment.start(-1))
                    .withMessageContaining("count");
        }
    }
}
