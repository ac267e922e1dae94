/**
 * Kernels, and what a PC must have in memory for one to start.
 *
 * <p>Start reading at {@link dev.microvm.boot.KernelImage} and {@link dev.microvm.boot.BootPlan}.
 */
module dev.microvm.boot {
    requires static transitive org.jspecify;
    requires transitive dev.microvm.core;
    requires org.tukaani.xz;

    exports dev.microvm.boot;
    exports dev.microvm.boot.tables;
}
