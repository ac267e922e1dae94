/**
 * The facade, and beneath it kernels and the tables that a PC must have in memory to start one.
 *
 * <p>Start reading at {@link dev.microvm.MicroVm}; for the lower half at {@link
 * dev.microvm.boot.BootPlan}.
 */
module dev.microvm.boot {
    requires static transitive org.jspecify;
    requires transitive dev.microvm.core;
    requires transitive dev.microvm.devices;
    requires org.slf4j;
    requires org.tukaani.xz;

    exports dev.microvm;
    exports dev.microvm.boot;
    exports dev.microvm.boot.tables;
    exports dev.microvm.model;

    uses dev.microvm.BundledKernel;
}
