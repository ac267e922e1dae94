package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.testing.TestServers;
import dev.microvm.clock.ClockOnResume;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
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
    private static final int PAUSES = 100;
    private static final Duration LONG_FOR_WATCHDOGS = Duration.ofSeconds(12);

    @TempDir
    private static Path folder;

    @SuppressWarnings("NullAway.Init") // set by prepareGuest
    private LinuxAtWork linux;

    @BeforeAll
    void prepareGuest() throws IOException {
        linux = new LinuxAtWork(folder, "virtio_mmio", "virtio_blk", "virtio_net");
        Files.write(folder.resolve("source"), linux.data());
    }

    private MicroVmBuilder guest(int vcpus) throws IOException {
        return linux.guest(vcpus, 256)
                .virtioBlk(DiskImage.raw(folder.resolve("source")).readOnly())
                .virtioBlk(DiskImage.raw(Files.write(folder.resolve("written" + vcpus), new byte[LinuxAtWork.DATA])))
                .virtioNet(LinuxAtWork.network());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    void losesNothing_inManyPausesUnderLoad(int vcpus) throws Exception {
        try (TestServers.Tcp server = TestServers.Tcp.http(linux.data());
                MicroVm vm = LinuxAtWork.ready(guest(vcpus))) {
            linux.startWork(vm, server);

            for (int i = 0; i < PAUSES; i++) {
                vm.pause();
                vm.resume();
                ask(vm, "true");
            }

            LinuxAtWork.awaitWork(vm);
            LinuxAtWork.endWork(vm);
            ask(vm, "[ ! -e /copy.failed -a ! -e /get.failed ]");
            LinuxAtWork.assertQuiet(vm);
        }
    }

    @ParameterizedTest
    @EnumSource(ClockOnResume.class)
    void doesNotComplain_whenThePauseWasLong(ClockOnResume how) throws Exception {
        try (MicroVm vm = LinuxAtWork.ready(guest(2))) {
            vm.pause();
            TimeUnit.NANOSECONDS.sleep(LONG_FOR_WATCHDOGS.toNanos()); // that time passes is what is tried
            vm.resume(how);

            ask(vm, "sleep 2; [ $(cat /dev/vda | sha256sum | cut -c 1-64) = %s ]".formatted(linux.hash()));
            LinuxAtWork.assertQuiet(vm);
        }
    }

    @Test
    void seesItsRealTimeClockStand_unlessItIsToCatchUp() throws Exception {
        Instant start = Instant.parse("2026-01-01T00:00:00Z");
        AtomicReference<Instant> host = new AtomicReference<>(start);
        try (MicroVm vm = LinuxAtWork.ready(guest(1).rtcClock(host::get))) {
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
