package dev.microvm.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.limits.RateLimit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is wrong with the disks of a description. */
final class DisksSpecTest {
    @TempDir
    private Path directory;

    private Path one;
    private Path other;

    @BeforeEach
    void makeImages() throws IOException {
        one = Files.write(directory.resolve("one"), new byte[512]);
        other = Files.write(directory.resolve("other"), new byte[512]);
    }

    private static List<String> problems(DiskImage... images) {
        DevicesSpec devices = DevicesSpec.NONE;
        for (DiskImage image : images)
            devices = devices.withVirtio(new VirtioDeviceSpec.Blk(VirtioBlkOptions.of(image)));
        return devices.problems(MemorySpec.DEFAULT, ClockSpec.DEFAULT);
    }

    @Test
    void refusesAFile_thatTwoDisksUse() {
        assertThat(problems(DiskImage.raw(one), DiskImage.raw(other), DiskImage.raw(one)))
                .containsExactly("virtioBlk: disks 0 and 2 both use " + one + ", and one of them writes it: give each"
                        + " its own image, or both readOnly() or overlay()");
        assertThat(problems(DiskImage.qcow2(other).backing(DiskImage.raw(one)), DiskImage.raw(one)))
                .singleElement()
                .asString()
                .contains("disks 0 and 1 both use " + one);
        assertThat(problems(DiskImage.raw(one).readOnly(), DiskImage.raw(one).overlay()))
                .isEmpty();
    }

    @Test
    void refusesNull_andSaysWhatToGive() {
        MicroVmBuilder builder = MicroVm.builder();
        VirtioBlkOptions options = VirtioBlkOptions.of(DiskImage.raw(one));

        assertThatNullPointerException()
                .isThrownBy(() -> builder.virtioBlk((DiskImage) none()))
                .withMessage("image: null; give a DiskImage, for instance DiskImage.raw(path)");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.virtioBlk((VirtioBlkOptions) none()))
                .withMessage("virtioBlk: null; give VirtioBlkOptions.of(image)");
        assertThatNullPointerException()
                .isThrownBy(() -> options.serial(none()))
                .withMessageStartingWith("serial: null; give");
        assertThatNullPointerException()
                .isThrownBy(() -> options.rateLimit(none()))
                .withMessageStartingWith("rateLimit: null; give RateLimit.NONE");
    }

    @Test
    void saysWhatADiskIs() {
        VirtioBlkOptions options = VirtioBlkOptions.of(DiskImage.raw(Path.of("a")))
                .serial("s")
                .queues(2)
                .rateLimit(new RateLimit(1000, 10));

        assertThat(options).hasToString("a (raw), serial s, 2 queues, 1000 bytes/s, 10 requests/s");
    }

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"})
    private static <T> T none() {
        return null;
    }
}
