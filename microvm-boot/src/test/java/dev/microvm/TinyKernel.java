package dev.microvm;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The kernel of {@code src/test/guest/ends.S}, which ends as the first letter of its command line says. */
final class TinyKernel {
    private TinyKernel() {}

    /** Its ELF file. */
    static byte[] elf() {
        return guest("ends.elf");
    }

    /** One of the tiny guests that {@code scripts/build-guests} makes. */
    static byte[] guest(String name) {
        try (InputStream in = TinyKernel.class.getResourceAsStream("/guests/" + name)) {
            if (in == null) throw new IllegalStateException("no guest " + name);
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Describes a machine that runs it on KVM, small as it is. */
    static MicroVmBuilder on(Path folder, String cmdline) {
        try {
            return MicroVm.builder()
                    .hypervisor(HypervisorChoice.KVM)
                    .memoryMiB(16)
                    .kernel(Files.write(folder.resolve("ends.elf"), elf()))
                    .cmdline(cmdline);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
