package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.backend.net.user.UserNetworkBuilder;
import dev.microvm.boot.BootProtocol;
import dev.microvm.boot.testing.FixedDevice;
import dev.microvm.boot.testing.TinyFirmware;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.clock.GuestClock;
import dev.microvm.cpuid.CpuFeature;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.balloon.VirtioBalloonOptions;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.devices.virtio.net.VirtioNetOptions;
import dev.microvm.devices.virtio.rng.VirtioRng;
import dev.microvm.limits.RateLimit;
import dev.microvm.model.Feature;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ConnectException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.assertj.core.api.ListAssert;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A build reports every mistake in a description at once, with option, value and remedy. */
final class MicroVmBuilderTest {
    @TempDir
    private Path folder;

    private Path kernel;
    private byte[] elf;

    @BeforeEach
    void writeKernel() throws IOException {
        elf = TinyKernel.elf();
        kernel = Files.write(folder.resolve("kernel.elf"), elf);
    }

    @Test
    void reportsAMissingKernel() {
        problemsOf(MicroVm.builder()).contains("kernel: required; give the path of a vmlinux or bzImage");
    }

    @Test
    void reportsAKernelThatIsNotThere() {
        Path nowhere = folder.resolve("no-such-kernel");
        problemsOf(builder().kernel(nowhere))
                .anyMatch(problem -> problem.startsWith("kernel: " + nowhere + ": expected "));
    }

    @Test
    void reportsAFolderAsTheSerialPortsFile() {
        problemsOf(builder().serial(ConsoleTarget.file(folder)))
                .contains("serial: must be a file, was the folder " + folder);
    }

    @Test
    void reportsASerialFileInAFolderThatIsNotThere() {
        Path file = folder.resolve("gone/console.log");
        problemsOf(builder().serial(ConsoleTarget.file(file)))
                .contains("serial: must be a file in an existing folder, was " + file);
    }

    @Test
    void reportsASerialFile_whenThereIsNoSerialPort() {
        Path file = folder.resolve("console.log");
        problemsOf(builder().serial(ConsoleTarget.file(file)).isaSerial(Feature.OFF))
                .contains("serial: file %s needs isaSerial(ON) or virtioConsole()".formatted(file));
    }

    @Test
    void reportsADirectoryAsKernel() {
        problemsOf(builder().kernel(folder))
                .anyMatch(problem -> problem.startsWith("kernel: " + folder) && problem.contains("directory"));
    }

    @Test
    void reportsATruncatedElfFile() throws IOException {
        Files.write(kernel, Arrays.copyOf(elf, elf.length / 2));
        problemsOf(builder()).anyMatch(problem -> problem.startsWith("kernel: " + kernel));
    }

    @Test
    void reportsAnElfFileForAnotherArchitecture() throws IOException {
        byte[] arm = elf.clone();
        arm[18] = (byte) 183; // e_machine: EM_AARCH64
        Files.write(kernel, arm);
        problemsOf(builder())
                .anyMatch(problem -> problem.startsWith("kernel: " + kernel) && problem.contains("x86-64"));
    }

    @Test
    void reportsAFileThatIsNoKernel() throws IOException {
        Files.writeString(kernel, "#!/bin/sh\necho this is not a kernel\n".repeat(100));
        problemsOf(builder()).anyMatch(problem -> problem.startsWith("kernel: " + kernel));
    }

    @Test
    void reportsAnInitrdThatIsNotThere() {
        Path nowhere = folder.resolve("no-such-initrd");
        problemsOf(builder().initrd(nowhere)).anyMatch(problem -> problem.startsWith("initrd: " + nowhere));
    }

    @Test
    void reportsAnInitrdLargerThanMemory() {
        problemsOf(builder().memoryMiB(16).initrd(new byte[20 << 20]))
                .anyMatch(problem -> problem.startsWith("initrd: ") && problem.contains("give the guest more memory"));
    }

    @Test
    void reportsEachBadModule() {
        Path nowhere = folder.resolve("no-such-module");
        problemsOf(builder().module(nowhere, "").module(new byte[1], "a\0b"))
                .contains("module 1: " + nowhere + ": expected a module, found no such file")
                .anyMatch(problem -> problem.startsWith("module 2: cmdline: expected printable ASCII characters"));
    }

    @Test
    void reportsModulesForAKernelThatTakesNone() {
        problemsOf(builder().module(new byte[1], ""))
                .anyMatch(problem -> problem.startsWith("module: expected a kernel started by MULTIBOOT"));
    }

    @Test
    void reportsACommandLineThatIsTooLong() {
        problemsOf(builder().cmdline("x".repeat(5000)))
                .anyMatch(problem -> problem.startsWith("cmdline: ") && problem.contains("5000"));
    }

    @Test
    void reportsACommandLineWithBadCharacters() {
        problemsOf(builder().cmdline("console=ttyS0\nquiet")).anyMatch(problem -> problem.startsWith("cmdline: "));
    }

    @Test
    void reportsNoVcpus() {
        problemsOf(builder().vcpus(0)).contains("vcpus: 1 to 254, was 0");
    }

    @Test
    void reportsAThousandVcpus() {
        problemsOf(builder().vcpus(1000)).contains("vcpus: 1 to 254, was 1000");
    }

    @Test
    void reportsNoMemory() {
        problemsOf(builder().memoryMiB(0))
                .anyMatch(problem -> problem.startsWith("memoryMiB: 2 to ") && problem.endsWith(", was 0"));
    }

    @Test
    void reportsMoreMemoryThanTheHostHas() {
        problemsOf(builder().memoryMiB(Integer.MAX_VALUE))
                .anyMatch(problem -> problem.startsWith("memoryMiB: 2 to ") && problem.endsWith(", was 2147483647"));
    }

    @Test
    void reportsABadName() {
        problemsOf(builder().name("two words"))
                .contains("name: 1 to 40 letters, digits, '.', '_' or '-', was \"two words\"");
    }

    @Test
    void reportsADeviceOutsideThePorts() {
        problemsOf(builder().portDevice("mine", 0xFFFF, 2, context -> new FixedDevice(0)))
                .contains("portDevice \"mine\": a range inside [0x0, 0x10000), was [0xffff, +0x2)");
    }

    @Test
    void reportsADeviceOverMemory() {
        problemsOf(builder().mmioDevice("mine", 0x1000, 0x1000, context -> new FixedDevice(0)))
                .contains("mmioDevice \"mine\": a range inside [0xc0000000, 0x100000000), was [0x1000, +0x1000)");
    }

    @Test
    void reportsADeviceOverAnother() {
        problemsOf(builder().portDevice("mine", 0x3F0, 0x10, context -> new FixedDevice(0)))
                .anyMatch(problem -> problem.startsWith("portDevice \"mine\": ") && problem.contains("16550 UART"));
    }

    @Test
    void reportsAFirmwareThatIsNotThere() {
        Path nowhere = folder.resolve("no-such-rom");
        problemsOf(builder().firmware(nowhere))
                .anyMatch(
                        problem -> problem.startsWith("firmware: " + nowhere + ": expected a firmware image of 4 KiB"));
    }

    @Test
    void reportsAFirmwareOfAnOddSize() throws IOException {
        Path rom = Files.write(folder.resolve("odd.rom"), new byte[5000]);
        problemsOf(builder().firmware(rom))
                .anyMatch(problem -> problem.startsWith("firmware: " + rom) && problem.endsWith("found 5000 bytes"));
    }

    @Test
    void reportsAKernelThatFirmwareCannotStart() throws IOException {
        byte[] noPvh = elf.clone();
        noPvh[new String(elf, StandardCharsets.ISO_8859_1).indexOf("Xen\0")] = 'x';
        Files.write(kernel, noPvh);
        problemsOf(withFirmware())
                .anyMatch(problem -> problem.startsWith(kernel + ": expected a bzImage, or an ELF kernel with a PVH"));
    }

    @ParameterizedTest
    @EnumSource(names = {"LINUX64", "MULTIBOOT"})
    void reportsAProtocolThatFirmwareDoesNotSpeak(BootProtocol protocol) {
        problemsOf(withFirmware().bootProtocol(protocol))
                .contains(
                        "bootProtocol: must be AUTO with firmware, which enters a bzImage in real mode and an ELF file"
                                + " by PVH, was " + protocol);
    }

    @Test
    void reportsACommandLineThatIsTooLongForFirmware() {
        problemsOf(withFirmware().cmdline("x".repeat(5000)))
                .anyMatch(problem -> problem.startsWith("cmdline: ") && problem.contains("5000"));
    }

    @Test
    void reportsAnInitrdWithoutKernel() throws IOException {
        problemsOf(TinyFirmware.on(folder).initrd(new byte[5]))
                .contains("initrd: needs kernel(...), to which it is passed: add a kernel or remove initrd(...)");
    }

    @Test
    void reportsAnOptionRomWithoutFirmware() {
        problemsOf(builder().optionRom(kernel).optionRoms(Feature.ON))
                .contains("optionRom: needs firmware(...) to run it", "optionRoms: ON needs firmware(...) to run them");
    }

    @Test
    void reportsOptionRoms_whenThereIsNone() {
        problemsOf(withFirmware().optionRoms(Feature.ON))
                .contains("optionRoms: ON needs an option ROM: add one by optionRom(...)");
    }

    @Test
    void reportsAFileThatIsNoOptionRom() {
        problemsOf(withFirmware().optionRom(kernel))
                .anyMatch(problem -> problem.startsWith("optionRom: " + kernel + ": expected an option ROM"));
    }

    @Test
    void reportsTwoOptionRomsOfOneName() throws IOException {
        byte[] rom = Arrays.copyOf(new byte[] {0x55, (byte) 0xAA, 1}, 512);
        Path file = Files.write(folder.resolve("rom.bin"), rom);
        problemsOf(withFirmware().optionRom(file).optionRom(file))
                .contains("optionRom: firmware configuration file \"genroms/rom.bin\" exists already; give the file"
                        + " another name");
    }

    @Test
    void reportsAnItemOutsideTheUsersNames() {
        problemsOf(builder().fwCfg("etc/e820", new byte[5]))
                .contains("fwCfg \"etc/e820\": the name must begin with opt/ and have 5 to 55 printable ASCII"
                        + " characters");
    }

    @Test
    void reportsAnItemWithALongName() {
        String name = "opt/" + "x".repeat(52);
        problemsOf(builder().fwCfg(name, new byte[5]))
                .contains("fwCfg \"" + name
                        + "\": the name must begin with opt/ and have 5 to 55 printable ASCII characters");
    }

    @Test
    void reportsAnItemThatIsThereTwice() {
        problemsOf(builder().fwCfg("opt/x", new byte[5]).fwCfg("opt/x", new byte[6]))
                .contains("fwCfg \"opt/x\": given twice: give each item its own name");
    }

    @Test
    void reportsAnItemWhoseFileIsNotThere() {
        Path nowhere = folder.resolve("no-such-file");
        problemsOf(builder().fwCfg("opt/x", nowhere))
                .anyMatch(problem -> problem.startsWith("fwCfg \"opt/x\": expected a readable file, found ")
                        && problem.contains("no-such-file"));
    }

    @Test
    void reportsADeviceOverTheFirmware() {
        problemsOf(withFirmware().mmioDevice("mine", 0xFFFF_0000L, 0x1000, context -> new FixedDevice(0)))
                .anyMatch(problem -> problem.startsWith("mmioDevice \"mine\": ") && problem.contains("firmware"));
    }

    @Test
    void reportsAllProblemsTogether() {
        problemsOf(MicroVm.builder()
                        .hypervisor(HypervisorChoice.KVM)
                        .vcpus(0)
                        .memoryMiB(0)
                        .name("?"))
                .hasSizeGreaterThanOrEqualTo(4);
    }

    @Test
    void saysEachProblemOnALineOfTheMessage() {
        assertThatExceptionOfType(MicroVmConfigException.class)
                .isThrownBy(() -> builder().vcpus(0).name("?").build())
                .withMessageContaining("problems:\n  - name: ")
                .withMessageContaining("\n  - vcpus: 1 to 254, was 0");
    }

    @Test
    @Lanes.Kvm
    void reportsAnInstructionClock_whereNothingCountsInstructions() {
        problemsOf(builder().clock(GuestClock.instructions(1)))
                .anyMatch(problem -> problem.startsWith("clock: 1 ns for each instruction")
                        && problem.contains("needs hypervisor(ENGINE)"));
    }

    @Test
    void reportsWhatAnInstructionClockExcludes() {
        problemsOf(builder()
                        .clock(GuestClock.instructions(2))
                        .vcpus(2)
                        .virtioRng()
                        .rtcClock(InstantSource.system())
                        .serial(ConsoleTarget.streams(InputStream.nullInputStream(), OutputStream.nullOutputStream())))
                .anyMatch(problem -> problem.endsWith("is for 1 vCPU, was 2: leave vcpus at 1"))
                .anyMatch(problem -> problem.endsWith("use serial(OutputStream) and typeAt"))
                .anyMatch(problem -> problem.endsWith("use virtioRng(new SplittableRandom(seed))"))
                .anyMatch(problem -> problem.startsWith("rtcClock: not with clock("));
    }

    @Test
    void reportsCpuFeatures_thatAreUnknownOrThatTheHypervisorLacks() {
        problemsOf(builder()
                        .hypervisor(HypervisorChoice.ENGINE)
                        .cpuFeature("avx9", Feature.ON)
                        .cpuFeature("amx_tile", Feature.ON))
                .contains("cpuFeature: \"avx9\" is not a known CPU feature: use a flag's name in /proc/cpuinfo, such as"
                        + " avx2")
                .anyMatch(problem -> problem.startsWith("cpuFeature: amx_tile is ON, but engine does not offer it"));
    }

    @Test
    void reportsBadCpuidLeaves() {
        problemsOf(builder()
                        .hypervisor(HypervisorChoice.ENGINE)
                        .cpuidLeaf(new CpuidEntry(0xb, 0, true, 0, 0, 0, 0))
                        .cpuidLeaf(new CpuidEntry(0x7, 0, true, 0, -1, 0, 0)))
                .anyMatch(problem -> problem.startsWith("cpuidLeaf: 0xb is filled in"))
                .anyMatch(problem -> problem.startsWith("cpuidLeaf: 0x7.0 EBX=0xffffffff has bits that engine"));
    }

    @Test
    void showsTheTableOfEachCpu() {
        MicroVm vm = builder()
                .hypervisor(HypervisorChoice.ENGINE)
                .vcpus(2)
                .cpuFeature("nx", Feature.OFF)
                .cpuFeature("sse2", Feature.ON)
                .build();
        assertThat(CpuFeature.in(vm.cpuid(0)))
                .extracting(CpuFeature::name)
                .contains("sse2")
                .doesNotContain("nx");
        assertThat(vm.cpuid(1)).isNotEqualTo(vm.cpuid(0)); // by its APIC ID
        assertThat(vm.describe())
                .contains("-nx, +sse2")
                .containsPattern("cpu features +fpu ")
                .contains("0x1.0: eax=");
        assertThatIllegalArgumentException().isThrownBy(() -> vm.cpuid(2)).withMessage("vcpu: 0 to 1, was 2");
    }

    @Test
    void reportsBadTypedText() {
        problemsOf(builder().typeAt(Duration.ofSeconds(-1), "too early").typeAt(Duration.ZERO, "x".repeat(70_000)))
                .contains("typeAt: a time of 0 to 1000 days, was PT-1S")
                .contains("typeAt: at most 65536 bytes in all, was 70009");
    }

    @Test
    void putsVirtioDevicesIntoSlots_inTheOrderOfTheirCalls() {
        String description = builder()
                .hypervisor(HypervisorChoice.ENGINE)
                .virtioDevice("first", transport -> new VirtioRng(transport, new SplittableRandom(1)))
                .virtioRng()
                .build()
                .describe();

        assertThat(description)
                .containsPattern("virtio +first MODERN at \\[0xfeb00000, 0xfeb00200\\), GSI 16")
                .containsPattern("virtio +virtio-rng MODERN at \\[0xfeb00200, 0xfeb00400\\), GSI 17")
                .doesNotContain("virtio_mmio.device");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "two\nlines"})
    void reportsABadNameOfAnOwnDevice(String name) {
        String problem = "deviceName: 1 to 64 printable characters, was \"" + name + "\"";

        problemsOf(builder().portDevice(name, 0x500, 4, context -> new FixedDevice(0)))
                .contains(problem);
        problemsOf(builder().virtioDevice(name, transport -> new VirtioRng(transport, new SecureRandom())))
                .contains(problem);
    }

    @Test
    void reportsABadDisk() {
        Path nowhere = folder.resolve("no-such-image");
        problemsOf(builder()
                        .virtioBlk(VirtioBlkOptions.of(DiskImage.raw(nowhere))
                                .queues(17)
                                .serial("a serial number that is too long")))
                .contains(
                        "virtioBlk: disk image " + nowhere + ": there is no such file; make it, or correct the path",
                        "virtioBlk: queues: 1 to 16, was 17",
                        "virtioBlk: serial: at most 20 printable ASCII characters, "
                                + "was \"a serial number that is too long\"");
    }

    @Test
    void describesDisks() {
        MicroVm vm = builder()
                .hypervisor(HypervisorChoice.ENGINE)
                .virtioBlk(DiskImage.raw(kernel).readOnly())
                .build();

        assertThat(vm.describe()).contains("virtio-blk " + kernel + " (raw, read-only) MODERN");
    }

    @Test
    void tellsTheKernelOfVirtioDevices_whereThereIsNoAcpi() {
        String description = builder()
                .hypervisor(HypervisorChoice.ENGINE)
                .acpi(Feature.OFF)
                .virtioVersion(VirtioMmio.Version.LEGACY)
                .virtioRng()
                .virtioRng()
                .build()
                .describe();

        assertThat(description)
                .contains("virtio-rng LEGACY at [0xfeb00000, 0xfeb00200), GSI 5")
                .contains("virtio_mmio.device=512@0xfeb00000:5 virtio_mmio.device=512@0xfeb00200:6");
        assertThat(builder()
                        .hypervisor(HypervisorChoice.ENGINE)
                        .acpi(Feature.OFF)
                        .autoKernelCmdline(Feature.OFF)
                        .virtioRng()
                        .build()
                        .describe())
                .doesNotContain("virtio_mmio.device");
    }

    @Test
    void reportsMoreVirtioDevices_thanThereAreSlots() {
        problemsOf(builder(9).irqchip(Irqchip.KERNEL))
                .anyMatch(
                        problem -> problem.startsWith("virtioDevice: a machine has 8 slots for virtio devices (24 with"
                                + " acpi(ON) and irqchip(SPLIT)), were 9: virtio-rng, virtio-rng,"));
        problemsOf(builder(9).acpi(Feature.OFF))
                .anyMatch(problem -> problem.startsWith("virtioDevice: a machine has 8 slots for virtio devices (24"));
        problemsOf(builder(25))
                .anyMatch(problem -> problem.startsWith("virtioDevice: a machine has 24 slots for virtio devices,"
                        + " were 25: virtio-rng, virtio-rng,"));
    }

    @Test
    void hasASecondIoApic_forTheInterruptsOfMoreThanEightVirtioDevices() {
        assertThat(builder(8).hypervisor(HypervisorChoice.ENGINE).build().describe())
                .containsPattern("virtio-rng MODERN at \\[0xfeb00e00, 0xfeb01000\\), GSI 23");
        assertThat(builder(24).hypervisor(HypervisorChoice.ENGINE).build().describe())
                .containsPattern("virtio-rng MODERN at \\[0xfeb00000, 0xfeb00200\\), GSI 24")
                .containsPattern("virtio-rng MODERN at \\[0xfeb02e00, 0xfeb03000\\), GSI 47");
    }

    private MicroVmBuilder builder(int virtioDevices) {
        MicroVmBuilder builder = builder();
        for (int i = 0; i < virtioDevices; i++) builder.virtioRng();
        return builder;
    }

    @Test
    void usesTheVirtioConsole_ifThereIsNoSerialPort() {
        MicroVmBuilder builder = builder().hypervisor(HypervisorChoice.ENGINE).virtioConsole("agent");

        assertThat(builder.build().describe()).contains("console=ttyS0 ");
        assertThat(builder.isaSerial(Feature.OFF).build().describe())
                .contains("console=hvc0 ")
                .contains("virtio-console MODERN at [0xfeb00000");
        assertThat(builder.serial(OutputStream.nullOutputStream()).build().describe())
                .contains("serial");
    }

    @Test
    void hasABalloon_ifItIsAskedFor() {
        MicroVm vm = builder()
                .hypervisor(HypervisorChoice.ENGINE)
                .memoryMiB(128)
                .virtioBalloon(VirtioBalloonOptions.DEFAULT.targetMiB(32).statisticsInterval(Duration.ZERO))
                .build();

        assertThat(vm.describe())
                .contains(
                        "virtio-balloon 32 MiB, deflates on OOM, free pages reported, free pages not hinted, statistics once MODERN");
        assertThat(vm.balloon().targetMiB()).isEqualTo(32);
        vm.balloon().targetMiB(128);
        assertThat(vm.balloon().targetMiB()).isEqualTo(128);
        assertThat(vm.balloon().actualMiB()).isZero();
        assertThat(vm.balloon().statistics()).isEmpty();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> vm.balloon().targetMiB(129))
                .withMessage("targetMiB: 0 to 128 (the guest's memory), was 129");
        assertThatIllegalStateException()
                .isThrownBy(() ->
                        builder().hypervisor(HypervisorChoice.ENGINE).build().balloon())
                .withMessageContaining("has no balloon");
    }

    @Test
    void reportsABadBalloon() {
        problemsOf(builder()
                        .memoryMiB(64)
                        .virtioBalloon()
                        .virtioBalloon(
                                VirtioBalloonOptions.DEFAULT.targetMiB(65).statisticsInterval(Duration.ofMillis(1))))
                .contains("virtioBalloon: at most one per machine, was called 2 times")
                .contains("virtioBalloon: targetMiB: 0 to 64 (memoryMiB), was 65")
                .contains("virtioBalloon: statisticsInterval: 0, or 100 ms to 24 h, was PT0.001S");
        problemsOf(builder().virtioBalloon().clock(GuestClock.instructions(1)))
                .anyMatch(problem -> problem.startsWith("virtioBalloon: not with clock("));
    }

    @Test
    void givesTheHostsEndOfEachNetworkDevice() {
        RateLimit limit = RateLimit.bytesPerSecond(1_000_000);
        try (MicroVm vm = builder()
                .virtioNet(UserNetwork.builder().build())
                .virtioNet(UserNetwork.builder().build(), VirtioNetOptions.DEFAULT.fromGuest(limit))
                .build()) {
            assertThat(vm.network(0).fromGuest()).isEqualTo(RateLimit.NONE);
            assertThat(vm.network(1).fromGuest()).isEqualTo(limit);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> vm.network(2))
                    .withMessageContaining("has 2 network devices, 2 was asked for");
        }
    }

    @Test
    void tellsTheKernelItsAddress_forTheInterfaceOfTheNetworkThatAsks() {
        UserNetworkBuilder network = UserNetwork.builder();
        MicroVmBuilder two = builder()
                .virtioNet(network.build())
                .virtioNet(network.network("10.0.3.0/24").kernelIp(true).build());

        assertThat(two.spec().devices().networkParameters())
                .containsExactly("ip=10.0.3.15::10.0.3.2:255.255.255.0::eth1:off:10.0.3.3");
        problemsOf(two.virtioNet(network.network("10.0.4.0/24").build()))
                .contains("virtioNet: kernelIp: a kernel sets one interface up: leave it to one of the networks");
    }

    @Test
    void reportsBadPortsOfAVirtioConsole() {
        problemsOf(builder().virtioConsole("a b", "agent", "agent", "hvc0"))
                .contains("virtioConsole: a port's name has 1 to 64 letters, digits, '.', '_' or '-', was \"a b\"")
                .contains("virtioConsole: the port name \"agent\" is already taken: choose another")
                .contains("virtioConsole: the port name \"hvc0\" is already taken: choose another");
        problemsOf(builder().virtioConsole().virtioConsole())
                .contains("virtioConsole: at most one per machine, was called 2 times");
        problemsOf(builder().virtioConsole(new String[] {"p"}).clock(GuestClock.instructions(1)))
                .anyMatch(problem -> problem.startsWith("virtioConsole: not with clock("));
        problemsOf(builder().virtioNet(UserNetwork.builder().build()).clock(GuestClock.instructions(1)))
                .anyMatch(problem -> problem.startsWith("virtioNet: not with clock("));
    }

    @Test
    void reportsBadSockets() {
        problemsOf(builder().virtioVsock(2)).contains("virtioVsock: a guest's context ID is 3 to 4294967294, was 2");
        problemsOf(builder().virtioVsock(3).virtioVsock(4))
                .contains("virtioVsock: at most one per machine, was called 2 times");
        problemsOf(builder().virtioVsock(3, kernel))
                .contains("virtioVsock: %s is there already: remove it, or choose another".formatted(kernel));
        problemsOf(builder().virtioVsock(3).clock(GuestClock.instructions(1)))
                .anyMatch(problem -> problem.startsWith("virtioVsock: not with clock("));
    }

    @Test
    void hasSockets_whereTheyAreAskedFor() {
        MicroVmBuilder builder = builder().hypervisor(HypervisorChoice.ENGINE);

        assertThatExceptionOfType(IllegalStateException.class)
                .isThrownBy(() -> builder.build().vsock())
                .withMessageEndingWith("has no vsock: see virtioVsock");
        try (MicroVm vm = builder.virtioVsock(3).build()) {
            assertThat(vm.describe()).contains("virtio-vsock CID 3 MODERN at [0xfeb00000");
            assertThatExceptionOfType(ConnectException.class)
                    .isThrownBy(() -> vm.vsock().connect(1, Duration.ZERO))
                    .withMessage("guest port 1: the guest does not run");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> vm.vsock().connect(1, Duration.ofMillis(-1)))
                    .withMessage("timeout: 0 or more, was PT-0.001S");
        }
    }

    @Test
    void reportsADevice_whereAVirtioDeviceIs() {
        problemsOf(builder().virtioRng().mmioDevice("mine", 0xfeb0_0100L, 0x100, context -> new FixedDevice(0)))
                .anyMatch(problem -> problem.startsWith("mmioDevice \"mine\": ") && problem.contains("virtio-rng"));
        assertThat(builder()
                        .hypervisor(HypervisorChoice.ENGINE)
                        .mmioDevice("mine", 0xfeb0_0100L, 0x100, context -> new FixedDevice(0))
                        .build()
                        .describe())
                .contains("machine");
    }

    private MicroVmBuilder builder() {
        return MicroVm.builder().hypervisor(HypervisorChoice.KVM).memoryMiB(16).kernel(kernel);
    }

    private MicroVmBuilder withFirmware() {
        return TinyFirmware.on(folder).kernel(kernel);
    }

    /**
     * Returns the problems that building reports, without those of the hypervisor, which depend on
     * the host.
     */
    private static ListAssert<String> problemsOf(MicroVmBuilder builder) {
        return assertThat(catchThrowableOfType(MicroVmConfigException.class, builder::build).problems().stream()
                .filter(problem -> !problem.startsWith("hypervisor: ")));
    }
}
