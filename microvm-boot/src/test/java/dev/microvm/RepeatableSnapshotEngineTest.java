package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.bus.BusDevice;
import dev.microvm.clock.GuestClock;
import dev.microvm.memory.GuestMemory;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.random.RandomGenerator;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * With an instruction clock, a guest that was saved and continued elsewhere does the same as one that
 * ran through. A driver asks for random bytes for some time of its own; at
 * some of the answers all its memory is compared.
 */
@Lanes.Engine
@Timeout(600)
final class RepeatableSnapshotEngineTest {
    private static final Duration SOON = Duration.ofMinutes(2);
    private static final long UNUSED = 0xe000_0000L; // a place that the guest does not know
    private static final int MEMORY = 16 << 20;
    private static final int EVERY = 500; // numbers between two checksums

    /** Shows times, interrupts, memory and random numbers, which depend on each instruction before. */
    private static final String INIT = """
            echo "begun"
            for i in 1 2 3; do
                date
                cat /proc/interrupts /proc/uptime /proc/meminfo
                head -c 16 /dev/urandom | od -x
                sleep 1
            done
            read line
            echo "heard $line"
            cat /proc/uptime
            vm-exit 42
            """;

    @TempDir
    private Path folder;

    /** What a guest did: the memory at each of its requests, by their number. */
    private static final class History implements RandomGenerator {
        private final AtomicReference<GuestMemory> memory = new AtomicReference<>();
        private final List<Long> checksums;
        private long numbers; // that the guest has got

        History() {
            checksums = new ArrayList<>();
        }

        /** Continues where another one is. */
        History(History before) {
            checksums = new ArrayList<>(before.checksums);
            numbers = before.numbers;
        }

        MicroVmBuilder observe(MicroVmBuilder builder) {
            return builder.virtioRng(this).mmioDevice("observer", UNUSED, 0x1000, context -> {
                memory.set(context.memory());
                return new Nothing();
            });
        }

        @Override
        public long nextLong() {
            if (++numbers % EVERY == 0) checksums.add(checksum());
            return numbers;
        }

        private long checksum() {
            CRC32C crc = new CRC32C();
            crc.update(Objects.requireNonNull(memory.get()).read(0, MEMORY));
            return crc.getValue();
        }
    }

    /** A machine that was saved, what it had printed, and what it had done. */
    private record Saved(Snapshot snapshot, String text, History before) {}

    /** A device that the guest does not use. */
    private static final class Nothing implements BusDevice {
        @Override
        public long read(long offset, int size) {
            return 0;
        }

        @Override
        public void write(long offset, int size, long value) {}
    }

    @Test
    void doesTheSame_whereverItIsSaved() {
        History whole = new History();
        String text;
        try (MicroVm vm = started(whole)) {
            assertThat(vm.awaitExit(SOON).exitCode()).hasValue(0);
            text = vm.console().text();
        }
        History saved = new History();
        List<Saved> moments = new ArrayList<>();
        try (MicroVm vm = started(saved)) {
            for (int i = 0; i < 3; i++) {
                vm.console().awaitText(".", SOON);
                vm.pause();
                Snapshot snapshot = vm.snapshot(folder.resolve("snapshot" + i));
                moments.add(new Saved(snapshot, vm.console().text(), new History(saved)));
                vm.resume();
            }
            assertThat(vm.awaitExit(SOON).exitCode()).hasValue(0);
            assertThat(vm.console().text()).isEqualTo(text);
        }
        assertThat(saved.checksums).isEqualTo(whole.checksums);
        for (Saved moment : moments) {
            History continued = new History(moment.before);
            try (MicroVm vm = moment.snapshot.restore().code(continued::observe).start()) {
                assertThat(vm.awaitExit(SOON).exitCode()).hasValue(0);
                assertThat(moment.text + vm.console().text()).isEqualTo(text);
            }
            assertThat(continued.checksums)
                    .hasSizeGreaterThan(moment.before.checksums.size())
                    .isEqualTo(whole.checksums);
        }
    }

    @Test
    void linuxPrintsTheSame_asIfItHadNotBeenSaved() {
        String whole;
        try (MicroVm vm = linux()) {
            assertThat(vm.awaitExit(SOON).exitCode()).hasValue(42);
            whole = vm.console().text();
        }
        String first;
        Snapshot snapshot;
        try (MicroVm vm = linux()) {
            vm.console().awaitText("begun", SOON);
            vm.pause();
            first = vm.console().text();
            snapshot = vm.snapshot(folder.resolve("linux"));
        }
        try (MicroVm vm = snapshot.restore().start()) {
            assertThat(vm.awaitExit(SOON).exitCode()).hasValue(42);
            assertThat(first + vm.console().text()).isEqualTo(whole);
        }
    }

    private MicroVm linux() {
        return MicroVm.builder()
                .hypervisor(HypervisorChoice.ENGINE)
                .kernel(GuestFiles.bundledKernel())
                .initrd(LinuxGuest.files().init(LinuxGuest.init(INIT)).build())
                .memoryMiB(128)
                .cmdline("console=ttyS0 quiet reboot=k panic=-1 mitigations=off cryptomgr.notests")
                .clock(GuestClock.instructions(1))
                .typeAt(Duration.ofSeconds(7), "hello\n")
                .start();
    }

    private MicroVm started(History history) {
        return history.observe(TinyKernel.of("virtio", folder, "endless")
                        .hypervisor(HypervisorChoice.ENGINE)
                        .clock(GuestClock.instructions(1))
                        .typeAt(Duration.ofMillis(3), "x"))
                .start();
    }
}
