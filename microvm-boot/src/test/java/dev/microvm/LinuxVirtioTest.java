package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.Initramfs;
import dev.microvm.boot.KernelImage;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What Debian's kernel does with virtio devices, which it finds by ACPI. */
@Lanes.Kernels
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxVirtioTest {
    private static final Duration SOON = Duration.ofMinutes(2);

    /** Runs each line that it reads, and says that it is done. */
    private static final String INIT = """
            stty -echo
            # the modules
            echo ready
            while read line; do eval "$line"; echo "=$?="; done
            """;

    /** Gives the same byte again and again: Linux checks nothing. */
    private static final RandomGenerator SEVENS = new RandomGenerator() {
        @Override
        public long nextLong() {
            throw new AssertionError("bytes are asked for");
        }

        @Override
        public void nextBytes(byte[] bytes) {
            Arrays.fill(bytes, (byte) '7');
        }
    };

    @SuppressWarnings("NullAway.Init") // set by prepareGuests
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @BeforeAll
    void prepareGuests(@TempDir Path folder) throws IOException {
        kernel = folder.resolve("vmlinux");
        KernelImage.open(GuestFiles.file("cloud/vmlinuz")).writeVmlinux(kernel);
        Initramfs.Builder files = LinuxGuest.files()
                .modules(
                        GuestFiles.file("cloud/modules"),
                        Files.readString(GuestFiles.file("cloud/release")).strip(),
                        List.of("virtio_mmio", "virtio_rng"));
        StringBuilder load = new StringBuilder();
        files.moduleLoadOrder()
                .forEach(module -> load.append("insmod ").append(module).append('\n'));
        initramfs =
                files.init(LinuxGuest.init(INIT.replace("# the modules", load))).build();
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.TestMachine#irqchips")
    void readsFromTheEntropyDevice(Irqchip irqchip) {
        try (MicroVm vm = machine(irqchip).virtioRng(SEVENS).start()) {
            vm.console().awaitText("ready", SOON);

            assertThat(ask(vm, "cat /sys/class/misc/hw_random/rng_current")).contains("virtio_rng.0");
            assertThat(ask(vm, "head -c 20 /dev/hwrng")).contains("7".repeat(20));
            assertThat(ask(vm, "head -c 100000 /dev/hwrng | tr -d 7 | wc -c")).contains("0");
            assertThat(ask(vm, "cat /proc/interrupts")).containsPattern("IO-APIC +16-edge +virtio0");
        }
    }

    @Test
    void readsOtherBytesEachTime_fromTheHostsSource() {
        try (MicroVm vm = machine(Irqchip.SPLIT).virtioRng().start()) {
            vm.console().awaitText("ready", SOON);

            String first = ask(vm, "head -c 16 /dev/hwrng | md5sum");
            String second = ask(vm, "head -c 16 /dev/hwrng | md5sum");

            assertThat(first).containsPattern("[0-9a-f]{32}").isNotEqualTo(second);
        }
    }

    private MicroVmBuilder machine(Irqchip irqchip) {
        return TestMachine.builder(irqchip)
                .kernel(kernel)
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k");
    }

    /** What a command prints. */
    private static String ask(MicroVm vm, String command) {
        vm.console().type(command + "\n");
        return vm.console().awaitText("=0=", SOON);
    }
}
