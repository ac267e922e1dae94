/**
 * Linux for guests, compiled from Debian's source. Nothing of it is exported: {@link
 * dev.microvm.Kernels} finds it as a service.
 */
module dev.microvm.kernel {
    requires static transitive org.jspecify;
    requires dev.microvm.boot;

    provides dev.microvm.BundledKernel with
            dev.microvm.kernel.LinuxKernel;
}
