package dev.microvm.boot.testing;

import dev.microvm.MicroVmBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The kernels of {@code src/test/guest}, which their command lines control. */
public final class TinyKernel {
    private TinyKernel() {}

    /** The ELF file of {@code ends.S}. */
    public static byte[] elf() {
        return guest("ends.elf");
    }

    /** One of the tiny guests that {@code scripts/build-guests} makes. */
    public static byte[] guest(String name) {
        try (InputStream in = TinyKernel.class.getResourceAsStream("/guests/" + name)) {
            if (in == null) throw new IllegalStateException("no guest " + name);
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Describes a small machine that runs {@code ends.S}. */
    public static MicroVmBuilder on(Path folder, String cmdline) {
        return of("ends", folder, cmdline);
    }

    /** Describes a small machine that runs a kernel, by its file name without the ending. */
    public static MicroVmBuilder of(String name, Path folder, String cmdline) {
        try {
            return TestMachine.builder()
                    .memoryMiB(16)
                    .kernel(Files.write(folder.resolve(name + ".elf"), guest(name + ".elf")))
                    .cmdline(cmdline);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
