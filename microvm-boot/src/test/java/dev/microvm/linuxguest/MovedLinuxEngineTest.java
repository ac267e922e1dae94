package dev.microvm.linuxguest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.PlannedMachine;
import dev.microvm.boot.KernelImage;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.MovingHypervisor;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Linux does not notice that its CPU is replaced, at any point of its boot or its work: {@link
 * MovingHypervisor}.
 */
@Lanes.Engine
@Timeout(300)
final class MovedLinuxEngineTest {
    private static final Duration SOON = Duration.ofMinutes(2);
    private static final int MOVES = 15;
    private static final String INIT = """
            head -c 300000 /bin/busybox | sha256sum > /first
            for round in 1 2 3 4 5; do
                echo "round $round"
                head -c 300000 /bin/busybox | sha256sum | cmp - /first || vm-exit 1
                sleep 0.1
            done
            echo "clocksource=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)."
            vm-exit 42
            """;

    @Test
    void linuxContinues_whereverItsStateIsMovedToANewMachine(@TempDir Path folder) throws Exception {
        long seed = Long.getLong("microvm.seed", System.nanoTime());
        Random random = new Random(seed);
        Path kernel = folder.resolve("vmlinux");
        KernelImage.open(GuestFiles.file("cloud/vmlinuz")).writeVmlinux(kernel);
        PlannedMachine planned = PlannedMachine.of(MicroVm.builder()
                .hypervisor(HypervisorChoice.ENGINE)
                .kernel(kernel)
                .initrd(LinuxGuest.files().init(LinuxGuest.init(INIT)).build())
                .memoryMiB(128)
                .cmdline("console=ttyS0 reboot=k panic=-1 mitigations=off cryptomgr.notests"));
        MovingHypervisor moving = new MovingHypervisor(planned.hypervisor());
        try (MicroVm vm = planned.start(moving)) {
            for (int i = 0; i < MOVES && vm.exitReport().isEmpty(); i++) {
                TimeUnit.MILLISECONDS.sleep(150 + random.nextInt(250)); // after each it translates anew
                moving.move();
            }
            vm.console().awaitText("round 1", SOON);
            for (int i = 0; i < MOVES && vm.exitReport().isEmpty(); i++) {
                TimeUnit.MILLISECONDS.sleep(50 + random.nextInt(100));
                moving.move();
            }
            vm.awaitExit(SOON);
            String text = vm.console().text();
            assertThat(vm.exitReport().orElseThrow().exitCode())
                    .as("-Dmicrovm.seed=%d, %d moves: %s", seed, moving.moves(), text)
                    .isEqualTo(OptionalInt.of(42));
            assertThat(moving.moves()).isGreaterThan(5);
            assertThat(text).contains("clocksource=tsc.").doesNotContain("BUG:", "WARNING:", "unstable");
        }
    }
}
