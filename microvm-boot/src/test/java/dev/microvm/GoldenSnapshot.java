package dev.microvm;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.model.HypervisorChoice;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;

/**
 * A snapshot as one version of the format has it, packed into a small file. {@code
 * scripts/golden-snapshot} makes that of the present version; those of all versions are kept.
 */
final class GoldenSnapshot {
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final String[] FILES = {"manifest", "memory"};

    private GoldenSnapshot() {}

    /** Takes one and packs it: {@code main(file)}. */
    public static void main(String[] arguments) throws IOException {
        Path folder = Files.createTempDirectory("golden-snapshot");
        Snapshot taken;
        try (MicroVm vm = guest(folder).start()) {
            vm.console().type("a");
            vm.console().awaitText("A", SOON);
            vm.pause();
            taken = vm.snapshot(folder.resolve("golden"));
        }
        try (OutputStream to = Files.newOutputStream(Path.of(arguments[0]));
                ZipOutputStream zip = new ZipOutputStream(to)) {
            zip.setLevel(Deflater.BEST_COMPRESSION);
            for (String name : FILES) {
                zip.putNextEntry(new ZipEntry(name));
                Files.copy(taken.folder().resolve(name), zip);
            }
        }
    }

    /** A guest that answers each letter by its capital, in a machine with many devices. */
    private static MicroVmBuilder guest(Path folder) throws IOException {
        Path disk = Files.write(folder.resolve("disk"), new byte[4096]);
        return TinyKernel.on(folder, "chat")
                .hypervisor(HypervisorChoice.ENGINE)
                .vcpus(2)
                .virtioBlk(DiskImage.raw(disk).readOnly())
                .virtioRng()
                .virtioConsole("agent")
                .virtioBalloon()
                .virtioVsock(3);
    }

    /** Unpacks one into a folder that is there. */
    static void unpack(InputStream from, Path folder) throws IOException {
        try (ZipInputStream zip = new ZipInputStream(from)) {
            for (String name : FILES) {
                zip.getNextEntry();
                Files.copy(zip, folder.resolve(name));
            }
        }
    }
}
