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
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;

/**
 * A snapshot, and one with a base, as one version of the format has them, each packed into a small
 * file. {@code scripts/golden-snapshot} makes those of the present version; those of all versions
 * are kept.
 */
final class GoldenSnapshot {
    private static final Duration SOON = Duration.ofSeconds(60);

    /** The snapshot whose base is {@link #BASE}, in a chain. */
    static final String DIFF = "later";

    private static final String BASE = "golden";
    private static final List<String> FILES = List.of("manifest", "memory");
    private static final List<String> CHAIN =
            List.of(BASE + "/manifest", BASE + "/memory", DIFF + "/manifest", DIFF + "/memory");

    private GoldenSnapshot() {}

    /** Takes both and packs them, unless the file is there: {@code main(one, chain)}. */
    public static void main(String[] arguments) throws IOException {
        Path folder = Files.createTempDirectory("golden-snapshot");
        try (MicroVm vm = guest(folder).start()) {
            letItAnswer(vm, "a");
            Snapshot base = vm.snapshot(folder.resolve(BASE));
            vm.resume();
            letItAnswer(vm, "b");
            vm.snapshotDiff(base, folder.resolve(DIFF));
        }
        pack(folder.resolve(BASE), FILES, Path.of(arguments[0]));
        pack(folder, CHAIN, Path.of(arguments[1]));
    }

    private static void letItAnswer(MicroVm vm, String letter) {
        vm.console().type(letter);
        vm.console().awaitText(letter.toUpperCase(Locale.ROOT), SOON);
        vm.pause();
    }

    private static void pack(Path folder, List<String> names, Path file) throws IOException {
        if (Files.exists(file)) return; // what that version has written
        try (OutputStream to = Files.newOutputStream(file);
                ZipOutputStream zip = new ZipOutputStream(to)) {
            zip.setLevel(Deflater.BEST_COMPRESSION);
            for (String name : names) {
                zip.putNextEntry(new ZipEntry(name));
                Files.copy(folder.resolve(name), zip);
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

    /** Unpacks one, or a chain, into a folder that is there. */
    static void unpack(String resource, Path folder) throws IOException {
        try (InputStream packed = GoldenSnapshot.class.getResourceAsStream(resource);
                ZipInputStream zip = new ZipInputStream(Objects.requireNonNull(packed, resource))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                Path file = folder.resolve(entry.getName());
                Files.createDirectories(Objects.requireNonNull(file.getParent()));
                Files.copy(zip, file);
            }
        }
    }
}
