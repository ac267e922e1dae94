package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.ResidentMemory;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.devices.virtio.balloon.BalloonStatistics;
import dev.microvm.devices.virtio.balloon.VirtioBalloonOptions;
import dev.microvm.model.Irqchip;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The balloon of Debian's kernel, and its effect on the host's memory. */
@Lanes.Kernels
@Timeout(600)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxBalloonTest {
    private static final int MEMORY = 256; // MiB, as all sizes here
    private static final int USED = 128; // by what a test has the guest write
    private static final int NEARLY = 16; // pages that the guest uses meanwhile
    private static final Duration SOON = Duration.ofMinutes(4);
    private static final VirtioBalloonOptions ALONE = VirtioBalloonOptions.DEFAULT.freePageReporting(false);

    private final ResidentMemory resident = new ResidentMemory();

    @SuppressWarnings("NullAway.Init") // set by prepareGuests
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @BeforeAll
    void prepareGuests(@TempDir Path folder) {
        kernel = LinuxGuest.kernel(folder);
        initramfs = LinuxGuest.build(LinuxGuest.files("virtio_mmio", "virtio_balloon"), LinuxGuest.DIALOGUE);
    }

    private MicroVmBuilder machine(VirtioBalloonOptions options) {
        return resident.in(TestMachine.builder(Irqchip.SPLIT)
                .kernel(kernel)
                .initrd(initramfs)
                .memoryMiB(MEMORY)
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k")
                .virtioBalloon(options));
    }

    /** Starts a guest with a file system in memory, at /mnt. */
    private MicroVm start(VirtioBalloonOptions options) {
        MicroVm vm = machine(options).start();
        LinuxGuest.awaitReady(vm);
        ask(vm, "mkdir /mnt && mount -t tmpfs -o size=90% none /mnt");
        ask(vm, "head -c 1000000 /dev/urandom > /mnt/kept");
        return vm;
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + SOON.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("time is up").isLessThan(end);
            Thread.sleep(50);
        }
    }

    private static void inflate(MicroVm vm, int mib) throws InterruptedException {
        vm.balloon().targetMiB(mib);
        await(() -> vm.balloon().actualMiB() == mib);
    }

    /** A figure of the guest's /proc/meminfo. */
    private static int meminfo(MicroVm vm, String name) {
        Matcher line = Pattern.compile(name + ": +(\\d+) kB").matcher(ask(vm, "cat /proc/meminfo"));
        assertThat(line.find()).isTrue();
        return Integer.parseInt(line.group(1)) / 1024;
    }

    /** Lets the guest fill this much memory with a file. */
    private static void write(MicroVm vm, int mib) {
        ask(vm, "dd if=/dev/zero of=/mnt/file bs=1M count=%d".formatted(mib));
    }

    /** Returns the hash of a file that stays in memory throughout a test. */
    private static String kept(MicroVm vm) {
        return ask(vm, "md5sum < /mnt/kept").strip();
    }

    @Test
    void givesMemoryBack_andGetsItAgain() throws InterruptedException {
        try (MicroVm vm = start(ALONE.deflateOnOom(false))) {
            String kept = kept(vm);
            write(vm, USED);
            ask(vm, "rm /mnt/file");
            int before = resident.mib();
            int total = meminfo(vm, "MemTotal");

            inflate(vm, USED);

            assertThat(before).isGreaterThan(USED);
            assertThat(resident.mib()).isLessThan(before - USED + NEARLY);
            assertThat(meminfo(vm, "MemTotal")).isEqualTo(total - USED);

            inflate(vm, 0);
            write(vm, USED);

            assertThat(meminfo(vm, "MemTotal")).isEqualTo(total);
            assertThat(resident.mib()).isGreaterThan(USED);
            assertThat(kept(vm)).isEqualTo(kept);
        }
    }

    @Test
    void givesBackWhatTheGuestHasFreed_byItself() throws InterruptedException {
        try (MicroVm vm = start(VirtioBalloonOptions.DEFAULT)) {
            String kept = kept(vm);
            write(vm, USED);
            int before = resident.mib();
            ask(vm, "rm /mnt/file");

            await(() -> resident.mib() < before - USED + 2 * NEARLY); // blocks of 2 MiB that are free as a whole

            write(vm, USED);
            assertThat(kept(vm)).isEqualTo(kept);
            assertThat(vm.balloon().actualMiB()).isZero();
        }
    }

    @Test
    void tellsOfTheGuestsMemory() throws InterruptedException {
        Instant start = Instant.now();
        try (MicroVm vm = start(ALONE.statisticsInterval(Duration.ofMillis(100)))) {
            await(() -> vm.balloon().statistics().isPresent());
            BalloonStatistics first = vm.balloon().statistics().orElseThrow();

            write(vm, USED);
            await(() -> mib(vm.balloon().statistics().orElseThrow().freeBytes().orElse(Long.MAX_VALUE))
                    < mib(first.freeBytes().orElseThrow()) - USED + NEARLY);
            BalloonStatistics last = vm.balloon().statistics().orElseThrow();

            assertThat(first.received()).isAfter(start);
            assertThat(last.received()).isAfter(first.received());
            assertThat(mib(last.totalBytes().orElseThrow())).isEqualTo(meminfo(vm, "MemTotal"));
            assertThat(mib(last.cachesBytes().orElseThrow())).isGreaterThan(USED - NEARLY);
            assertThat(last.minorFaults()).isPresent();
            assertThat(last.availableBytes()).isPresent();
        }
    }

    private static int mib(long bytes) {
        return (int) (bytes >> 20);
    }

    /** A guest that needs memory takes it from the balloon; no program is killed. */
    @Test
    void deflates_whenTheGuestRunsOutOfMemory() throws InterruptedException {
        try (MicroVm vm = start(ALONE)) {
            String kept = kept(vm);
            inflate(vm, USED);

            write(vm, USED);

            assertThat(vm.balloon().actualMiB()).isLessThan(USED);
            assertThat(vm.balloon().targetMiB()).isEqualTo(USED);
            assertThat(kept(vm)).isEqualTo(kept);
            assertThat(vm.console().text()).doesNotContain("Killed process");
        }
    }

    @Test
    void keepsItsTarget_whenTheGuestStartsAgain() throws InterruptedException {
        try (MicroVm vm =
                machine(ALONE.targetMiB(64)).onReset(ResetAction.RESTART).start()) {
            LinuxGuest.awaitReady(vm);
            await(() -> vm.balloon().actualMiB() == 64);
            inflate(vm, 100);

            vm.console().type("reboot -f\n");
            LinuxGuest.awaitReady(vm);
            await(() -> vm.balloon().actualMiB() == 100);

            assertThat(vm.restarts()).isEqualTo(1);
        }
    }

    /**
     * Pages with code are given back and filled with other code; the guest always runs the last
     * code written there.
     */
    @Test
    void runsProgramsAsTheyAre_whoseMemoryWasGivenBack() throws InterruptedException {
        try (MicroVm vm = start(VirtioBalloonOptions.DEFAULT)) {
            String expected = ask(vm, "md5sum < /bin/busybox").strip().substring(0, 32);
            vm.console()
                    .type("for i in $(seq 20); do f=/mnt/busybox$i; cp /bin/busybox $f; $f md5sum < $f; rm $f; done"
                            + " | sort | uniq -c; echo churned\n");

            int most = USED;
            while (!vm.console().text().contains("churned")) {
                inflate(vm, most);
                inflate(vm, most / 3);
            }

            assertThat(vm.console().awaitText("churned", SOON)).contains(" 20 " + expected);
        }
    }
}
