package dev.microvm.sandbox;

import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Load on Debian's kernel. */
final class DebianKernelLoadTest extends SandboxUnderLoad {
    @Override
    SandboxBuilder on(SandboxBuilder builder, Path folder) throws IOException {
        String release = Files.readString(GuestFiles.file("cloud/release")).strip();
        return builder.kernel(LinuxGuest.kernel(folder), GuestFiles.file("cloud/modules"), release);
    }
}
