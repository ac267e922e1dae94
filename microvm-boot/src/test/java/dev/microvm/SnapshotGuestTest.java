package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.error.MicroVmException;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.Irqchip;
import dev.microvm.model.SnapshotException;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tiny guests that are saved in the middle of what they do and continue in other machines. */
@Lanes.TinyGuests
@Timeout(300)
final class SnapshotGuestTest {
    private static final Duration SOON = Duration.ofSeconds(90);
    private static final int TIMES = 20;
    private static final String PROGRESS = "."; // of virtio.S

    @TempDir
    private Path folder;

    private MicroVmBuilder guest(String scenario) throws IOException {
        TestMachine.builder(Irqchip.SPLIT);
        MicroVmBuilder builder = TinyKernel.of("virtio", folder, scenario).irqchip(Irqchip.SPLIT);
        return scenario.equals("disk")
                ? builder.virtioBlk(DiskImage.raw(Files.write(folder.resolve("disk"), new byte[4096]))
                        .readOnly())
                : builder.virtioRng(new SplittableRandom(1));
    }

    private MicroVm continued(Snapshot from, String scenario) {
        RestoreBuilder builder = from.restore();
        if (!scenario.equals("disk")) builder.code(to -> to.virtioRng(new SplittableRandom(2)));
        return builder.start();
    }

    @ParameterizedTest
    @CsvSource({"1, endless", "4, endless", "1, disk", "4, disk"})
    void loseNoRequest_inOneMachineAfterTheOther(int vcpus, String scenario) throws IOException {
        MicroVm vm = guest(scenario).vcpus(vcpus).start();
        try {
            for (int i = 0; i < TIMES; i++) {
                vm.console().awaitText(PROGRESS, SOON);
                Snapshot snapshot = vm.snapshot(folder.resolve("snapshot" + i));
                vm.close();
                vm = continued(Snapshot.open(snapshot.folder()), scenario);
                vm.console().awaitText(PROGRESS, SOON);
            }
            vm.console().type("x"); // the guest ends

            assertThat(vm.awaitExit(SOON).exitCode()).as(vm.console().text()).hasValue(0);
            assertThat(vm.console().text()).endsWith("\nlost 00\n");
        } finally {
            vm.close();
        }
    }

    @Test
    void continuesAfterIt_unlessItWasPaused() throws IOException {
        try (MicroVm vm = guest("endless").start()) {
            vm.console().awaitText(PROGRESS, SOON);
            vm.snapshot(folder.resolve("one"));
            assertThat(vm.state()).isEqualTo(VmState.RUNNING);
            vm.console().awaitText(PROGRESS, SOON);
            vm.pause();
            vm.snapshot(folder.resolve("two"));
            assertThat(vm.state()).isEqualTo(VmState.PAUSED);
            vm.stop();
            assertThatIllegalStateException().isThrownBy(() -> vm.snapshot(folder.resolve("three")));
        }
        assertThat(folder.resolve("three")).doesNotExist();
    }

    @Test
    void holdsOneMoment_whenTheGuestRunsWhileItIsWritten() throws IOException {
        try (MicroVm vm = guest("endless").ram(RamBacking.forkable()).start()) {
            for (int i = 0; i < 3; i++) {
                vm.console().awaitText(PROGRESS, SOON);
                Snapshot snapshot = vm.snapshot(folder.resolve("moment" + i));
                snapshot.verify();
                try (MicroVm copy = continued(snapshot, "endless")) {
                    end(copy);
                }
            }
            end(vm);
        }
    }

    private static void end(MicroVm vm) {
        vm.console().awaitText(PROGRESS, SOON);
        vm.console().type("x");
        assertThat(vm.awaitExit(SOON).exitCode()).as(vm.console().text()).hasValue(0);
        assertThat(vm.console().text()).endsWith("\nlost 00\n");
    }

    @Test
    void isComplete_orNotThere() throws IOException {
        try (MicroVm vm = guest("endless").start()) {
            Path full = Files.createDirectory(folder.resolve("full"));
            Files.createFile(full.resolve("x"));
            assertThatExceptionOfType(SnapshotException.class)
                    .isThrownBy(() -> vm.snapshot(full))
                    .withMessageContaining("exists: give another name, or delete it before");
            assertThatExceptionOfType(SnapshotException.class)
                    .isThrownBy(() -> vm.snapshot(folder.resolve("no/where")))
                    .withMessageContaining("must be in a folder that exists");
            Path left = Files.createDirectory(folder.resolve(".done.unfinished-999999999-1"));
            vm.snapshot(folder.resolve("done"));
            assertThat(left).doesNotExist();
            vm.console().type("x");
            vm.awaitExit(SOON);
        }
        try (Stream<Path> all = Files.list(folder)) {
            assertThat(all.map(Path::getFileName).map(Path::toString)).noneMatch(name -> name.contains("unfinished"));
        }
    }

    @Test
    void isNotOpened_whenAFileIsMissingOrShort() throws IOException {
        try (MicroVm vm = guest("endless").start()) {
            Snapshot snapshot = vm.snapshot(folder.resolve("kept"));
            Path memory = snapshot.folder().resolve("memory");
            try (RandomAccessFile file = new RandomAccessFile(memory.toFile(), "rw")) {
                file.seek(0x7000);
                file.write(0xA5);
                assertThatExceptionOfType(SnapshotException.class)
                        .isThrownBy(snapshot::verify)
                        .withMessageContaining("is damaged between bytes 0x0 and 0x100000");
                file.setLength(4096);
            }
            assertThatExceptionOfType(SnapshotException.class)
                    .isThrownBy(() -> Snapshot.open(snapshot.folder()))
                    .withMessageContaining("memory");
            Files.delete(snapshot.folder().resolve("manifest"));
            assertThatExceptionOfType(SnapshotException.class)
                    .isThrownBy(() -> Snapshot.open(snapshot.folder()))
                    .withMessageContaining("is no snapshot: manifest is missing");
        }
    }

    @Test
    void needsTheCodeAgain_andNoMoreDevices() throws IOException {
        try (MicroVm vm = guest("endless").start()) {
            Snapshot snapshot = vm.snapshot(folder.resolve("code"));
            assertThatExceptionOfType(MicroVmConfigException.class)
                    .isThrownBy(() -> snapshot.restore().build())
                    .withMessageContaining("virtioRng: it is code");
            assertThatExceptionOfType(MicroVmConfigException.class)
                    .isThrownBy(() -> snapshot.restore()
                            .code(to -> to.virtioRng(new SplittableRandom(1)).virtioConsole())
                            .build())
                    .withMessageContaining("code: it adds devices");
        }
    }

    @Test
    void cannotBeTaken_whenTheInterruptControllersAreTheHypervisors() throws IOException {
        try (MicroVm vm = TinyKernel.of("virtio", folder, "endless")
                .irqchip(TestMachine.preferredIrqchip())
                .virtioRng()
                .start()) {
            if (TestMachine.preferredIrqchip() == Irqchip.SPLIT) return;
            assertThatExceptionOfType(MicroVmException.class)
                    .isThrownBy(() -> vm.snapshot(folder.resolve("kernel")))
                    .withMessageContaining("use irqchip(SPLIT)");
            assertThat(vm.state()).isEqualTo(VmState.RUNNING);
        }
    }
}
