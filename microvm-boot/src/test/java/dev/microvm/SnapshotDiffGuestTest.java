package dev.microvm;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.linux.LinuxHost;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.Irqchip;
import dev.microvm.model.SnapshotException;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tiny guests that are saved again and again, each time only what has changed. */
@Lanes.TinyGuests
@Timeout(120)
final class SnapshotDiffGuestTest {
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final long UNUSED = 0xc0_0000; // RAM that the guest does not use
    private static final long FOUR_GIB = 1L << 32;

    @TempDir
    private Path folder;

    private MicroVmBuilder guest() {
        return TinyKernel.on(folder, "chat").irqchip(Irqchip.SPLIT);
    }

    private static void mark(MicroVm vm, long gpa, String mark) {
        PausedMachine paused = vm.pause();
        paused.write(gpa, mark.getBytes(US_ASCII));
        vm.resume();
    }

    private static String read(MicroVm vm, long gpa, int length) {
        String found = new String(vm.pause().read(gpa, length), US_ASCII);
        vm.resume();
        return found;
    }

    /** How many bytes of a sparse file are on the disk, which is more or less what was written. */
    private static long allocated(Snapshot snapshot) {
        Path memory = snapshot.folder().resolve("memory");
        try {
            Process du = new ProcessBuilder("du", "-B1", memory.toString()).start();
            String line = new String(du.getInputStream().readAllBytes(), US_ASCII);
            return Long.parseLong(line, 0, line.indexOf('\t'), 10);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void continue_fromAChain_andFromWhatItWasMergedTo() {
        Snapshot last;
        try (MicroVm vm = guest().start()) {
            last = vm.snapshot(folder.resolve("0"));
        }
        for (int i = 1; i <= 4; i++) {
            try (MicroVm vm = last.restore().start()) {
                vm.console().type("a");
                vm.console().awaitText("A", SOON);
                mark(vm, UNUSED + i * 0x1_0000L, "mark" + i);
                last = vm.snapshotDiff(last, folder.resolve(String.valueOf(i)));
                assertThat(allocated(last)).isLessThan(1 << 20);
                mark(vm, UNUSED + i * 0x1_0000L, "later");
                last = vm.snapshotDiff(last, folder.resolve(i + "again")); // the machine did not start from that
            }
        }
        assertThat(Snapshot.open(last.folder()).base()).contains(folder.resolve("4"));
        Snapshot merged = last.merge(folder.resolve("merged"));
        assertThat(merged.base()).isEmpty();
        for (Snapshot each : new Snapshot[] {Snapshot.open(last.folder()), Snapshot.open(merged.folder())}) {
            each.verify();
            try (MicroVm vm = each.restore().start()) {
                for (int i = 1; i <= 4; i++)
                    assertThat(read(vm, UNUSED + i * 0x1_0000L, 5)).isEqualTo("later");
                vm.console().type("b.");
                assertThat(vm.awaitExit(SOON).exitCode()).hasValue(7);
                assertThat(vm.console().text()).contains("B");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void haveOneMachinesMoments_whateverItsRamIsMadeOf(boolean forkable) {
        RamBacking backing = forkable ? RamBacking.forkable() : RamBacking.anonymous();
        try (MicroVm vm = guest().ram(backing).start()) {
            mark(vm, UNUSED, "one");
            Snapshot one = vm.snapshot(folder.resolve("one"));
            mark(vm, UNUSED, "two");
            Snapshot two = vm.snapshotDiff(one, folder.resolve("two"));
            if (!LinuxHost.isX86()) return; // there are no forks
            try (Fork moment = vm.fork();
                    MicroVm child = moment.start()) {
                mark(child, UNUSED, "own");
                Snapshot own = child.snapshotDiff(two, folder.resolve("own"));
                try (MicroVm first = one.restore().start();
                        MicroVm second = two.restore().start();
                        MicroVm third = own.restore().start()) {
                    assertThat(read(first, UNUSED, 3) + read(second, UNUSED, 3) + read(third, UNUSED, 3))
                            .isEqualTo("onetwoown");
                    try (Fork later = third.fork();
                            MicroVm last = later.start()) {
                        assertThat(read(last, UNUSED, 3)).isEqualTo("own");
                    }
                }
            }
        }
    }

    /** RAM above 4 GiB is another region of the guest, and in the middle of the file. */
    @Test
    void haveRamBelowAndAbove4GiB() {
        Snapshot whole;
        try (MicroVm vm = guest().memoryMiB(3200).start()) {
            mark(vm, FOUR_GIB + 0x1234, "high");
            whole = vm.snapshot(folder.resolve("whole"));
        }
        Snapshot diff;
        try (MicroVm vm = whole.restore().start()) {
            mark(vm, UNUSED, "low");
            mark(vm, FOUR_GIB + 0x100_0000, "HIGH");
            diff = vm.snapshotDiff(whole, folder.resolve("diff"));
        }
        assertThat(allocated(diff)).isLessThan(1 << 20);
        try (MicroVm vm = diff.restore().start()) {
            assertThat(read(vm, FOUR_GIB + 0x1234, 4) + read(vm, FOUR_GIB + 0x100_0000, 4) + read(vm, UNUSED, 3))
                    .isEqualTo("highHIGHlow");
            vm.console().type("b.");
            assertThat(vm.awaitExit(SOON).exitCode()).hasValue(7);
        }
    }

    @Test
    void compareAllRam_whenTheBasesFileIsAnotherNow() throws IOException {
        Snapshot whole;
        try (MicroVm vm = guest().start()) {
            mark(vm, UNUSED, "old");
            whole = vm.snapshot(folder.resolve("whole"));
            try (MicroVm copy = whole.restore().start()) {
                Files.move(whole.folder(), folder.resolve("away"));
                mark(vm, UNUSED, "new");
                Snapshot other = vm.snapshot(folder.resolve("whole"));
                Snapshot diff = copy.snapshotDiff(other, folder.resolve("diff"));
                try (MicroVm restored = diff.restore().start()) {
                    assertThat(read(restored, UNUSED, 3)).isEqualTo("old");
                }
            }
        }
    }

    @Test
    void areRefused_whenTheBaseHasOtherRam() {
        try (MicroVm vm = guest().start();
                MicroVm larger = guest().memoryMiB(17).start()) {
            Snapshot whole = larger.snapshot(folder.resolve("larger"));
            assertThatExceptionOfType(SnapshotException.class)
                    .isThrownBy(() -> vm.snapshotDiff(whole, folder.resolve("diff")))
                    .withMessageContaining("give one of such a machine");
            assertThat(vm.state()).isEqualTo(VmState.RUNNING);
        }
    }
}
