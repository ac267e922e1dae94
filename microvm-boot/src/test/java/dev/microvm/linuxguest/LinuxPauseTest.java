package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.testing.TestServers;
import dev.microvm.backend.net.user.NetPolicy;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.clock.ClockOnResume;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Debian's kernel, paused and resumed while it uses its disks and its network. */
@Lanes.Kernels
@Timeout(900)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxPauseTest {
    private static final int DATA = 256 << 10;
    private static final int PAUSES = 100;

    /** What the kernel says when something did not run for long, or its clock did not. */
    private static final Pattern COMPLAINTS =
            Pattern.compile("detected stall|soft lockup|blocked for more than|Marking clocksource|timed out");

    /** Lets the kernel complain of a CPU that does nothing for 10 seconds. */
    private static final String WATCHDOGS = "watchdog_thresh=5 rcupdate.rcu_cpu_stall_timeout=10";

    private static final Duration LONG_FOR_WATCHDOGS = Duration.ofSeconds(12);

    private final byte[] data = TestServers.data(DATA, 1);
    private final String hash = TestServers.sha256(data);

    @TempDir
    private static Path folder;

    @SuppressWarnings("NullAway.Init") // set by prepareGuest
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @BeforeAll
    void prepareGuest() throws IOException {
        kernel = LinuxGuest.kernel(folder);
        initramfs = LinuxGuest.build(LinuxGuest.files("virtio_mmio", "virtio_blk", "virtio_net"), LinuxGuest.DIALOGUE);
        Files.write(folder.resolve("source"), data);
    }

    private MicroVmBuilder guest(int vcpus) throws IOException {
        return TestMachine.builder(Irqchip.SPLIT)
                .kernel(kernel)
                .initrd(initramfs)
                .vcpus(vcpus)
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k " + WATCHDOGS)
                .virtioBlk(DiskImage.raw(folder.resolve("source")).readOnly())
                .virtioBlk(DiskImage.raw(Files.write(folder.resolve("written" + vcpus), new byte[DATA])))
                .virtioNet(UserNetwork.builder()
                        .network("10.0.2.0/24")
                        .policy(NetPolicy.ALL)
                        .build());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    void losesNothing_inManyPausesUnderLoad(int vcpus) throws Exception {
        try (TestServers.Tcp server = TestServers.Tcp.http(data);
                MicroVm vm = guest(vcpus).start()) {
            LinuxGuest.awaitReady(vm);
            ask(vm, "ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up");
            ask(vm, "copy() { dd if=/dev/vda of=/dev/vdb bs=16k conv=fsync 2> /dev/null; sha256sum < /dev/vdb; }");
            ask(vm, "get() { wget -q -O - http://10.0.2.2:%d/ | sha256sum; }".formatted(server.port()));
            ask(
                    vm,
                    "again() { until [ -e /stop ]; do $1 | grep -q %s && echo >> /$1.done || echo >> /failed; done; }"
                            .formatted(hash));
            ask(vm, "again copy & again get &");

            for (int i = 0; i < PAUSES; i++) {
                vm.pause();
                vm.resume();
                ask(vm, "true");
            }

            ask(vm, "until [ -s /copy.done -a -s /get.done ]; do sleep 0.1; done");
            ask(vm, "touch /stop; wait");
            ask(vm, "[ ! -e /failed ]");
            assertQuiet(vm);
        }
    }

    @ParameterizedTest
    @EnumSource(ClockOnResume.class)
    void doesNotComplain_whenThePauseWasLong(ClockOnResume how) throws Exception {
        try (MicroVm vm = guest(2).start()) {
            LinuxGuest.awaitReady(vm);
            vm.pause();
            TimeUnit.NANOSECONDS.sleep(LONG_FOR_WATCHDOGS.toNanos()); // that time passes is what is tried
            vm.resume(how);

            ask(vm, "sleep 2; [ $(cat /dev/vda | sha256sum | cut -c 1-64) = %s ]".formatted(hash));
            assertQuiet(vm);
        }
    }

    private static void assertQuiet(MicroVm vm) {
        assertThat(ask(vm, "dmesg")).doesNotContainPattern(COMPLAINTS);
    }

    @Test
    void seesItsRealTimeClockStand_unlessItIsToCatchUp() throws Exception {
        Instant start = Instant.parse("2026-01-01T00:00:00Z");
        AtomicReference<Instant> host = new AtomicReference<>(start);
        try (MicroVm vm = guest(1).rtcClock(host::get).start()) {
            LinuxGuest.awaitReady(vm);
            String readClock = "cat /sys/class/rtc/rtc0/since_epoch";
            assertThat(ask(vm, readClock)).contains(String.valueOf(start.getEpochSecond()));

            vm.pause();
            host.set(start.plus(Duration.ofHours(1)));
            vm.resume();
            assertThat(ask(vm, readClock)).contains(String.valueOf(start.getEpochSecond()));

            vm.pause();
            host.set(start.plus(Duration.ofHours(3)));
            vm.resume(ClockOnResume.CATCH_UP);
            assertThat(ask(vm, readClock)).contains(String.valueOf(start.getEpochSecond() + 2 * 3600));
        }
    }
}
