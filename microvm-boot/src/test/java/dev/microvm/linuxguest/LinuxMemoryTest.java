package dev.microvm.linuxguest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Debian's kernel runs in memory of every kind that a machine can have on the host. */
@Lanes.Kernels
@Timeout(300)
final class LinuxMemoryTest {
    private static final int MEMORY_MIB = 128;
    private static final Duration SOON = Duration.ofMinutes(2);

    @TempDir
    private Path folder;

    @Test
    void boots_inMemoryOfThisProcess() {
        assertBoots(RamBacking.anonymous());
    }

    @Test
    void boots_inMemoryThatOtherProcessesCanMap() {
        assertBoots(RamBacking.shared());
    }

    @Test
    void boots_inMemoryThatForksShare() {
        assertBoots(RamBacking.forkable());
    }

    @Test
    void boots_inAPrivateCopyOfAFile_whichStaysAsItIs() throws IOException {
        Path content = empty("content");

        assertBoots(RamBacking.privateOf(content));

        assertThat(Files.mismatch(content, empty("other"))).isEqualTo(-1);
    }

    private void assertBoots(RamBacking backing) {
        MicroVmBuilder builder = TestMachine.builder()
                .kernel(LinuxGuest.kernel(folder))
                .initrd(LinuxGuest.files().init(LinuxGuest.init("reboot -f\n")).build())
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k panic=-1")
                .memoryMiB(MEMORY_MIB)
                .ram(backing);
        try (MicroVm vm = builder.start()) {
            assertThat(vm.awaitExit(SOON).reason()).as(vm.console().text()).isEqualTo(Reason.RESET);
        }
    }

    /** A sparse file of zeros of the RAM's size. */
    private Path empty(String name) throws IOException {
        Path file = folder.resolve(name);
        try (RandomAccessFile made = new RandomAccessFile(file.toFile(), "rw")) {
            made.setLength((long) MEMORY_MIB << 20);
        }
        return file;
    }
}
