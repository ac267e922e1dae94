package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.SameByte;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.Feature;
import dev.microvm.model.Irqchip;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Random;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Debian's kernel with virtio devices, which it finds by ACPI. */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxVirtioTest {
    private static final Duration SOON = Duration.ofMinutes(2);

    /**
     * Prints to the serial port or, if there is none, to the virtio console, whose driver is a
     * module.
     */
    private static final String ON_ITS_CONSOLE = """
            while ! grep -q 'ttyS0\\|hvc0' /proc/consoles; do sleep 0.1; done
            if ! grep -q ttyS0 /proc/consoles; then exec < /dev/hvc0 > /dev/hvc0 2>&1; fi
            """;

    private static final RandomGenerator SEVENS = new SameByte('7');

    @SuppressWarnings("NullAway.Init") // set by prepareGuests
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @BeforeAll
    void prepareGuests(@TempDir Path folder) throws IOException {
        kernel = LinuxGuest.kernel(folder);
        initramfs = LinuxGuest.build(
                LinuxGuest.files("virtio_mmio", "virtio_rng", "virtio_console"), ON_ITS_CONSOLE + LinuxGuest.DIALOGUE);
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void readsFromTheEntropyDevice(Irqchip irqchip) {
        try (MicroVm vm = machine(irqchip).virtioRng(SEVENS).start()) {
            LinuxGuest.awaitReady(vm);

            assertThat(ask(vm, "cat /sys/class/misc/hw_random/rng_current")).contains("virtio_rng.0");
            assertThat(ask(vm, "head -c 20 /dev/hwrng")).contains("7".repeat(20));
            assertThat(ask(vm, "head -c 100000 /dev/hwrng | tr -d 7 | wc -c")).contains("0");
            assertThat(ask(vm, "cat /proc/interrupts")).containsPattern("IO-APIC +16-edge +virtio0");
        }
    }

    @Test
    void usesTwentyFourDevices_byTheSecondIoApic() {
        MicroVmBuilder builder = machine(Irqchip.SPLIT);
        for (int i = 0; i < 24; i++) builder.virtioRng(SEVENS);
        try (MicroVm vm = builder.start()) {
            LinuxGuest.awaitReady(vm);

            for (int i = 0; i < 24; i++) {
                ask(vm, "echo virtio_rng.%d > /sys/class/misc/hw_random/rng_current".formatted(i));
                assertThat(ask(vm, "head -c 20 /dev/hwrng")).contains("7".repeat(20));
            }
            assertThat(ask(vm, "cat /proc/interrupts"))
                    .containsPattern("[1-9]\\d* +IO-APIC +0-edge +virtio0")
                    .containsPattern("[1-9]\\d* +IO-APIC +23-edge +virtio23");
        }
    }

    @Test
    void readsOtherBytesEachTime_fromTheHostsSource() {
        try (MicroVm vm = machine(Irqchip.SPLIT).virtioRng().start()) {
            LinuxGuest.awaitReady(vm);

            String first = ask(vm, "head -c 16 /dev/hwrng | md5sum");
            String second = ask(vm, "head -c 16 /dev/hwrng | md5sum");

            assertThat(first).containsPattern("[0-9a-f]{32}").isNotEqualTo(second);
        }
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void printsOnAVirtioConsole_withEveryLegacyDeviceOff(Irqchip irqchip) {
        try (MicroVm vm = withoutLegacyDevices(irqchip).virtioConsole().start()) {
            LinuxGuest.awaitReady(vm);

            assertThat(ask(vm, "cat /proc/consoles")).containsPattern("hvc0 +-W- \\(EC");
            vm.resizeConsole(132, 43);
            assertThat(ask(vm, "while ! stty size | grep 132; do sleep 0.1; done"))
                    .contains("43 132");
            assertThat(vm.port("hvc0").text()).isEqualTo(vm.console().text());
        }
    }

    @Test
    void keepsItsConsole_afterAReset() {
        try (MicroVm vm = withoutLegacyDevices(Irqchip.SPLIT)
                .virtioConsole("agent")
                .onReset(ResetAction.RESTART)
                .start()) {
            LinuxGuest.awaitReady(vm);
            vm.console().type("reboot -f\n");
            LinuxGuest.awaitReady(vm);

            assertThat(ask(vm, "echo once $((1 + 1))")).contains("once 2");
            assertThat(vm.restarts()).isEqualTo(1);
            vm.stop();
            assertThat(vm.port("agent").text()).isEmpty();
        }
    }

    @Test
    void losesNothingOnAVirtioConsole() throws Exception {
        try (MicroVm vm = withoutLegacyDevices(Irqchip.SPLIT).virtioConsole().start()) {
            LinuxGuest.awaitReady(vm);
            byte[] sent = random(750_000);
            String text = Base64.getMimeEncoder(76, new byte[] {'\n'}).encodeToString(sent) + "\n";

            try (InputStream output = vm.console().output()) {
                vm.console()
                        .type("head -c " + text.length() + " > /sent; base64 -d /sent > /got; cat /got | md5sum;"
                                + " stty -opost; echo begin; base64 /got; echo end; stty opost\n");
                vm.console().type(text);
                String printed = readUntil(output, "\nend\n");

                assertThat(printed).contains(md5(sent));
                String echoed = printed.substring(printed.indexOf("begin\n") + 6, printed.lastIndexOf("\nend\n"));
                assertThat(md5(Base64.getMimeDecoder().decode(echoed))).isEqualTo(md5(sent));
            }
        }
    }

    @Test
    void echoesOnANamedPort() throws Exception {
        try (MicroVm vm = machine(Irqchip.SPLIT).virtioConsole("agent", "log").start()) {
            LinuxGuest.awaitReady(vm);
            byte[] sent = random(1_000_000);
            ask(vm, "while ! [ -c /dev/vport0p1 -a -c /dev/vport0p2 ]; do sleep 0.1; done");
            assertThat(ask(vm, "cat /sys/class/virtio-ports/vport*/name")).contains("agent\r\nlog");
            ask(vm, "cat 0<>/dev/vport0p1 1>&0 &");
            ask(vm, "echo to the log > /dev/vport0p2");

            try (InputStream output = vm.port("agent").output()) {
                Thread writer = Thread.ofPlatform().start(() -> {
                    try {
                        vm.port("agent").input().write(sent);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
                assertThat(output.readNBytes(sent.length)).isEqualTo(sent);
                writer.join();
            }
            vm.port("log").awaitText("to the log\n", SOON);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"qboot.rom", "bios-microvm.bin"})
    void findsItsDevices_whenItIsBootedByFirmware(String firmware) {
        try (MicroVm vm = machine(Irqchip.SPLIT)
                .firmware(GuestFiles.file(firmware))
                .optionRom(GuestFiles.file("pvh.bin"))
                .virtioRng(SEVENS)
                .start()) {
            LinuxGuest.awaitReady(vm);

            assertThat(ask(vm, "head -c 20 /dev/hwrng")).contains("7".repeat(20));
        }
    }

    private static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new Random(42).nextBytes(bytes);
        return bytes;
    }

    private static String md5(byte[] bytes) throws GeneralSecurityException {
        return HexFormat.of().formatHex(MessageDigest.getInstance("MD5").digest(bytes));
    }

    private static String readUntil(InputStream from, String end) throws IOException {
        StringBuilder text = new StringBuilder();
        byte[] piece = new byte[8192];
        while (text.lastIndexOf(end) < 0) {
            int length = from.read(piece);
            if (length < 0) throw new AssertionError("the guest ended: " + text);
            text.append(new String(piece, 0, length, US_ASCII));
        }
        return text.toString();
    }

    private MicroVmBuilder withoutLegacyDevices(Irqchip irqchip) {
        Feature pic = irqchip == Irqchip.KERNEL ? Feature.AUTO : Feature.OFF; // KVM's come with PICs
        return machine(irqchip)
                .pic(pic)
                .pit(Feature.OFF)
                .rtc(Feature.OFF)
                .isaSerial(Feature.OFF)
                .cmdline("console=hvc0 quiet cryptomgr.notests reboot=k");
    }

    private MicroVmBuilder machine(Irqchip irqchip) {
        return TestMachine.builder(irqchip)
                .kernel(kernel)
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k");
    }
}
