package dev.microvm.sandbox;

import dev.microvm.boot.testing.GuestFiles;
import java.nio.file.Path;

/** Load on the bundled kernel. */
final class BundledKernelLoadTest extends SandboxUnderLoad {
    @Override
    SandboxBuilder on(SandboxBuilder builder, Path folder) {
        return builder.kernel(GuestFiles.bundledKernel());
    }
}
