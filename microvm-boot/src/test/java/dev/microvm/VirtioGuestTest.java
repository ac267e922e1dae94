package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.Intercepted;
import dev.microvm.boot.testing.SameByte;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.boot.testing.WatchedHypervisor;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.rng.VirtioRng;
import dev.microvm.hypervisor.Doorbell;
import dev.microvm.model.Feature;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A tiny driver, {@code virtio.S}, and an entropy device: queue, doorbell and interrupt, on any
 * hypervisor.
 */
@Lanes.TinyGuests
@Timeout(120)
final class VirtioGuestTest {
    private static final Duration SOON = Duration.ofSeconds(90);

    private static final int GSI = 16; // of the first device, with ACPI
    private static final long DEVICE = 0xfeb0_0000L;
    private static final long NOTIFY = DEVICE + VirtioMmio.NOTIFY_REGISTER;
    private static final long INTERRUPT_ACK = DEVICE + 0x64; // VIRTIO 1.2, 4.2.2

    private static final String STARTED = """
            device 04
            features 01
            entries 40
            status 0f
            """;

    private static final String SERVED = """
            reason 01
            reason 00
            used 01
            length 06
            first 5a
            last 5a
            behind 00
            """;

    private static final RandomGenerator SAME = new SameByte(0x5a);

    @TempDir
    private Path folder;

    private String run(MicroVmBuilder builder) {
        try (MicroVm vm = builder.virtioRng(SAME).start()) {
            assertThat(vm.awaitExit(SOON).exitCode()).as(vm.console().text()).hasValue(0);
            return vm.console().text();
        }
    }

    private MicroVmBuilder guest(Irqchip irqchip, String scenario) {
        TestMachine.builder(irqchip); // skips what the hypervisor does not have
        return TinyKernel.of("virtio", folder, scenario).irqchip(irqchip);
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void servesADriver_throughTheIoApic(Irqchip irqchip) {
        assertThat(run(guest(irqchip, "ioapic"))).isEqualTo(STARTED + "interrupt 50\n" + SERVED);
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void servesADriver_throughThePic_withoutAcpi(Irqchip irqchip) {
        assertThat(run(guest(irqchip, "pic").acpi(Feature.OFF))).isEqualTo(STARTED + "interrupt 25\n" + SERVED);
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void servesALegacyDriver(Irqchip irqchip) {
        assertThat(run(guest(irqchip, "legacy").acpi(Feature.OFF).virtioVersion(VirtioMmio.Version.LEGACY)))
                .isEqualTo("interrupt 25\n" + SERVED);
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void losesNoInterrupt_inManyRequests(Irqchip irqchip) {
        assertThat(run(guest(irqchip, "many"))).isEqualTo(STARTED + "used 64\nstatus 00\n");
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void isNotifiedAndInterrupts_withoutAnExit(Irqchip irqchip) {
        PlannedMachine planned = PlannedMachine.of(guest(irqchip, "ioapic").virtioRng(SAME));
        WatchedHypervisor hypervisor = new WatchedHypervisor(planned.hypervisor());
        try (MicroVm vm = planned.start(hypervisor)) {
            assertThat(vm.awaitExit(SOON).exitCode()).as(vm.console().text()).hasValue(0);
        }

        assertThat(hypervisor.doorbells()).containsExactly(Doorbell.mmio(NOTIFY, Integer.BYTES, 0));
        assertThat(hypervisor.exitsByWrite(NOTIFY)).isZero();
        assertThat(hypervisor.exitsByWrite(INTERRUPT_ACK)).isPositive();
        assertThat(hypervisor.edges(GSI)).isPositive();
        assertThat(hypervisor.otherLines()).doesNotContain(GSI);
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void runsADeviceOnTheVcpusThread_thatAsksForIt(Irqchip irqchip) {
        Set<String> threads = ConcurrentHashMap.newKeySet();
        PlannedMachine planned = PlannedMachine.of(guest(irqchip, "ioapic")
                .name("asks")
                .virtioDevice("own", transport -> onVcpu(new VirtioRng(transport, SAME), threads)));
        WatchedHypervisor hypervisor = new WatchedHypervisor(planned.hypervisor());
        try (MicroVm vm = planned.start(hypervisor)) {
            assertThat(vm.awaitExit(SOON).exitCode()).as(vm.console().text()).hasValue(0);
            assertThat(vm.console().text()).isEqualTo(STARTED + "interrupt 50\n" + SERVED);
        }

        assertThat(threads).contains("microvm-asks-vcpu-0");
        assertThat(hypervisor.doorbells()).isEmpty();
    }

    private static VirtioDevice onVcpu(VirtioDevice device, Set<String> threads) {
        return Intercepted.of(VirtioDevice.class, device, (method, arguments, answer) -> switch (method) {
            case "notifiedByVcpu" -> true;
            case "queueNotified" -> {
                threads.add(Thread.currentThread().getName());
                yield answer.proceed();
            }
            default -> answer.proceed();
        });
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void asksForAReset_whenTheQueueIsBroken(Irqchip irqchip) {
        assertThat(run(guest(irqchip, "broken"))).isEqualTo(STARTED + "interrupt 50\nreason 02\nstatus 4f\n");
    }
}
