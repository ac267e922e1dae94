package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.fs.SharedDirectory;
import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.StreamBackend;
import dev.microvm.backend.net.TapBackend;
import dev.microvm.backend.net.user.NetPolicy;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.boot.testing.FixedDevice;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.clock.GuestClock;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.devices.virtio.fs.VirtioFsOptions;
import dev.microvm.devices.virtio.net.VirtioNetOptions;
import dev.microvm.devices.virtio.rng.VirtioRng;
import dev.microvm.limits.RateLimit;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.Feature;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.MachineSpec;
import dev.microvm.model.ResetAction;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A description is a value: it goes into a machine, comes back out, and makes the same machine
 * again.
 */
final class MachineSpecTest {
    @TempDir
    private Path folder;

    private Path kernel;
    private Path disk;

    @BeforeEach
    void writeFiles() throws IOException {
        kernel = Files.write(folder.resolve("kernel.elf"), TinyKernel.elf());
        disk = Files.write(folder.resolve("disk.img"), new byte[1 << 20]);
    }

    @Test
    void comesBackFromTheMachineThatWasBuiltFromIt() {
        MachineSpec spec = everything().spec();

        try (MicroVm vm = MicroVm.builder(spec).build()) {
            assertThat(vm.spec()).isEqualTo(spec);
            try (MicroVm again = MicroVm.builder(vm.spec()).build()) {
                assertThat(again.spec()).isEqualTo(spec).hasSameHashCodeAs(spec);
                assertThat(again.describe()).isEqualTo(vm.describe());
            }
        }
    }

    @Test
    void isEqualToAnotherOfTheSameCalls() {
        assertThat(everything().spec())
                .isEqualTo(everything().spec())
                .hasSameHashCodeAs(everything().spec());
    }

    static Stream<UnaryOperator<MicroVmBuilder>> changes() {
        return Stream.of(
                builder -> builder.name("other"),
                builder -> builder.hypervisor(HypervisorChoice.AUTO),
                builder -> builder.initrd(new byte[] {2}),
                builder -> builder.cmdline("other"),
                builder -> builder.memoryMiB(65),
                builder -> builder.ram(RamBacking.shared()),
                builder -> builder.vcpus(3),
                builder -> builder.rtc(Feature.OFF),
                builder -> builder.onReset(ResetAction.END),
                builder -> builder.typeAt(Duration.ofSeconds(9), "more"),
                builder -> builder.serial(ConsoleTarget.stdio()),
                builder -> builder.virtioRng(),
                builder -> builder.fwCfg("opt/other", new byte[1]),
                builder -> builder.virtioNet(UserNetwork.builder().mtu(9000).build()),
                builder -> builder.virtioNet(
                        UserNetwork.builder().build(),
                        VirtioNetOptions.DEFAULT.toGuest(RateLimit.operationsPerSecond(5))),
                builder -> builder.virtioNet(UserNetwork.builder()
                        .guestHostName("web")
                        .kernelIp(true)
                        .build()));
    }

    @ParameterizedTest
    @MethodSource("changes")
    void differsAfterAnyChange(UnaryOperator<MicroVmBuilder> change) {
        assertThat(change.apply(everything()).spec()).isNotEqualTo(everything().spec());
    }

    @Test
    void isTheStartOfAnotherMachine() {
        MachineSpec spec = everything().spec();

        MachineSpec larger = MicroVm.builder(spec).memoryMiB(128).spec();

        assertThat(larger.memory().mib()).isEqualTo(128);
        assertThat(larger.withMemory(spec.memory())).isEqualTo(spec);
    }

    @Test
    void reportsAllItsProblems() {
        MachineSpec spec = MicroVm.builder()
                .name("?")
                .vcpus(0)
                .memoryMiB(0)
                .cpuFeature("avx9", Feature.ON)
                .optionRom(kernel)
                .virtioVsock(1)
                .virtioBlk(DiskImage.raw(folder.resolve("none")))
                .spec();

        assertThat(spec.problems())
                .hasSize(8)
                .contains("kernel: required; give the path of a vmlinux or bzImage", "vcpus: 1 to 254, was 0")
                .anyMatch(problem -> problem.startsWith("name: "))
                .anyMatch(problem -> problem.startsWith("memoryMiB: "))
                .anyMatch(problem -> problem.startsWith("cpuFeature: "))
                .anyMatch(problem -> problem.startsWith("optionRom: "))
                .anyMatch(problem -> problem.startsWith("virtioVsock: "))
                .anyMatch(problem -> problem.startsWith("virtioBlk: "));
        assertThat(MicroVm.builder(spec).problems()).containsAll(spec.problems());
        assertThat(everything().spec().problems()).isEmpty();
        assertThat(everything().problems()).isEmpty();
    }

    @Test
    void refusesABalloon_whoseMemoryIsAPrivateCopyOfAFile() throws IOException {
        Path content = Files.write(folder.resolve("ram"), new byte[2 << 20]);

        MachineSpec spec = MicroVm.builder()
                .kernel(kernel)
                .memoryMiB(2)
                .ram(RamBacking.privateOf(content))
                .virtioBalloon()
                .spec();

        assertThat(spec.problems()).singleElement().asString().startsWith("virtioBalloon: not with ram(");
    }

    @Test
    void keepsThePlaceOfCode_andAsksForItAgain() {
        MachineSpec spec = withCode(MicroVm.builder()
                        .hypervisor(HypervisorChoice.ENGINE)
                        .memoryMiB(16)
                        .kernel(kernel))
                .virtioRng()
                .spec();

        assertThat(problemsOf(MicroVm.builder(spec)))
                .containsExactlyInAnyOrder(
                        "virtioDevice \"own\": it is code, which a description does not hold: give it to the builder"
                                + " again",
                        "virtioRng: it is code, which a description does not hold: give it to the builder again",
                        "virtioNet: user network: policy: it is code, which a description does not hold: set it in a"
                                + " builder",
                        "portDevice \"mine\": it is code, which a description does not hold: give it to the builder"
                                + " again",
                        "rtcClock: it is code, which a description does not hold: give it to the builder again",
                        "serial: it is code, which a description does not hold: give it to the builder again");
        MicroVmBuilder filled = withCode(MicroVm.builder(spec));
        assertThat(filled.spec()).isEqualTo(spec);
        try (MicroVm vm = filled.build()) {
            assertThat(vm.spec()).isEqualTo(spec);
        }
    }

    private static MicroVmBuilder withCode(MicroVmBuilder builder) {
        return builder.virtioDevice("own", transport -> new VirtioRng(transport, new SplittableRandom(1)))
                .virtioRng(new SplittableRandom(2))
                .virtioNet(UserNetwork.builder()
                        .policy(NetPolicy.OUTSIDE.or(NetPolicy.hostPorts(80)))
                        .build())
                .portDevice("mine", 0x1000, 1, context -> new FixedDevice(0))
                .rtcClock(InstantSource.system())
                .serial(OutputStream.nullOutputStream());
    }

    private MicroVmBuilder everything() {
        return MicroVm.builder()
                .name("everything")
                .hypervisor(HypervisorChoice.ENGINE)
                .kernel(kernel)
                .initrd(new byte[] {1})
                .virtioFs(VirtioFsOptions.of("src", SharedDirectory.of(folder).readOnly()))
                .cmdline("quiet")
                .memoryMiB(64)
                .vcpus(2)
                .cpuFeature("nx", Feature.OFF)
                .cpuidLeaf(new CpuidEntry(0x4000_0010, 0, false, 1, 2, 3, 4))
                .pit(Feature.ON)
                .onReset(ResetAction.RESTART)
                .clock(GuestClock.HOST)
                .typeAt(Duration.ofSeconds(1), "hello")
                .serial(ConsoleTarget.file(folder.resolve("console.log")))
                .fwCfg("opt/test", new byte[] {1, 2})
                .virtioBlk(VirtioBlkOptions.of(DiskImage.raw(disk).overlay(1 << 20))
                        .serial("data")
                        .rateLimit(new RateLimit(1 << 20, 100)))
                .virtioNet(UserNetwork.builder()
                        .network("10.1.2.0/24")
                        .policy(NetPolicy.hostPorts(80, 443))
                        .forwardTcp(0, 22)
                        .build())
                .virtioNet(new TapBackend("tap0"), MacAddress.parse("02:00:00:00:00:01"))
                .virtioNet(StreamBackend.unix(folder.resolve("passt.sock")))
                .virtioRng()
                .virtioConsole("agent")
                .virtioVsock(3)
                .virtioBalloon();
    }

    private static List<String> problemsOf(MicroVmBuilder builder) {
        return catchThrowableOfType(MicroVmConfigException.class, builder::build)
                .problems();
    }
}
