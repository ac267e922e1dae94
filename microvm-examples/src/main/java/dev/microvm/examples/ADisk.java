package dev.microvm.examples;

import dev.microvm.MicroVm;
import dev.microvm.backend.disk.DiskImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;

/**
 * Lesson 9: a disk. The guest reads what the host wrote into an image file, and the host what the
 * guest wrote. With an overlay the guest writes into memory instead, and the file stays as it is.
 */
public final class ADisk {
    private static final int SECTOR = 512;
    private static final int SIZE = 1 << 20;
    private static final String SCRIPT = """
            echo "the guest reads: $(dd if=/dev/vda bs=512 count=1 2> /dev/null | tr -d '\\0')"
            echo -n "written by the guest" | dd of=/dev/vda bs=512 seek=1 conv=sync 2> /dev/null
            sync
            vm-exit 0
            """;

    private ADisk() {}

    /** Runs the guest once on the file, and once on an overlay. */
    public static void main(String[] args) throws IOException {
        Path file = Files.createTempFile("lesson", ".img");
        try {
            for (boolean overlay : new boolean[] {true, false}) {
                byte[] content = Arrays.copyOf("written by the host".getBytes(StandardCharsets.US_ASCII), SIZE);
                Files.write(file, content);
                DiskImage image = DiskImage.raw(file);
                try (MicroVm vm = Guest.running(SCRIPT, "virtio_mmio", "virtio_blk")
                        .virtioBlk(overlay ? image.overlay() : image)
                        .serial(System.out)
                        .start()) {
                    vm.awaitExit(Duration.ofMinutes(2));
                }
                byte[] after = Files.readAllBytes(file);
                String written = new String(after, SECTOR, SECTOR, StandardCharsets.US_ASCII).replace("\0", "");
                System.out.printf("%s: the file has \"%s\"%n", overlay ? "overlay" : "image", written);
            }
        } finally {
            Files.delete(file);
        }
    }
}
