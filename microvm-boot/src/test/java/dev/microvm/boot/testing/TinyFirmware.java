package dev.microvm.boot.testing;

import dev.microvm.MicroVmBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The firmware of {@code src/test/guest/firmware.S}. */
public final class TinyFirmware {
    private TinyFirmware() {}

    /** Returns its ROM image. */
    public static byte[] rom() {
        try (InputStream in = TinyFirmware.class.getResourceAsStream("/guests/firmware.rom")) {
            if (in == null) throw new IllegalStateException("no guest firmware.rom");
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Describes a small machine that runs it on the tested hypervisor. */
    public static MicroVmBuilder on(Path folder) {
        try {
            return TestMachine.builder().memoryMiB(16).firmware(Files.write(folder.resolve("firmware.rom"), rom()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
