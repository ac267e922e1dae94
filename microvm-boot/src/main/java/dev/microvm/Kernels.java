package dev.microvm;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;

/**
 * Kernels that a program has as dependencies, so that its machines need no kernel file:
 *
 * <pre>{@code
 * MicroVm.builder().kernel(Kernels.bundled())
 * }</pre>
 *
 * <p>A bundled kernel becomes a file in the cache: the folder that the system property {@value
 * KernelCache#PROPERTY} names, else the environment variable {@code MICROVM_CACHE}, else {@code
 * microvm} in {@code XDG_CACHE_HOME}, else {@code ~/.cache/microvm}. Each image has a folder of its
 * own, named by its SHA-256, so that several versions are there side by side. Several processes may
 * write the same file at once. A file that has another content is replaced.
 */
public final class Kernels {
    private Kernels() {}

    /**
     * Returns the file of the bundled kernel.
     *
     * @throws MicroVmConfigException if the program has no bundled kernel, or several; or if its
     *     file cannot be written
     */
    public static Path bundled() {
        return findBundled()
                .orElseThrow(
                        () -> new MicroVmConfigException(
                                List.of(
                                        "kernel: this program has no bundled kernel: add the dependency"
                                                + " dev.microvm:microvm-kernel, which scripts/kernel --jar builds, or name a kernel's file")));
    }

    /**
     * Returns the file of the bundled kernel, or nothing if the program has none.
     *
     * @throws MicroVmConfigException if it has several, or the file cannot be written
     */
    public static Optional<Path> findBundled() {
        return find(installed(), KernelCache.ofUser());
    }

    /** Returns the file of the only kernel, or nothing if there is none. */
    static Optional<Path> find(List<BundledKernel> kernels, KernelCache cache) {
        if (kernels.size() > 1) {
            throw new MicroVmConfigException(List.of("kernel: this program has %d bundled kernels, %s: keep one"
                    .formatted(
                            kernels.size(),
                            String.join(
                                    " and ",
                                    kernels.stream().map(BundledKernel::release).toList()))));
        }
        return kernels.stream().findFirst().map(cache::file);
    }

    private static List<BundledKernel> installed() {
        try {
            return ServiceLoader.load(BundledKernel.class, BundledKernel.class.getClassLoader()).stream()
                    .map(ServiceLoader.Provider::get)
                    .toList();
        } catch (ServiceConfigurationError e) {
            MicroVmConfigException problem = new MicroVmConfigException(
                    List.of(
                            "kernel: the bundled kernel cannot be loaded: " + e.getMessage()
                                    + ": if jars were merged into one, keep the classes of microvm and merge META-INF/services"));
            problem.initCause(e);
            throw problem;
        }
    }
}
