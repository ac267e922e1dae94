package dev.microvm;

import java.io.IOException;
import java.io.InputStream;

/**
 * A kernel that comes in a jar: a service of {@link Kernels}. The artifact {@code microvm-kernel}
 * provides one.
 */
public interface BundledKernel {
    /** Returns the kernel's own name for its version, such as {@code 6.1.192-microvm}. */
    String release();

    /** Returns the SHA-256 of the image as 64 lower-case hexadecimal digits. */
    String sha256();

    /** Opens the image, a file such as {@link MicroVmBuilder#kernel} takes. The caller closes it. */
    InputStream open() throws IOException;
}
