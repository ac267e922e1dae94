/**
 * The facade, and beneath it kernels and what a PC must have in memory for one to start.
 *
 * <p>Start reading at {@link dev.microvm.MicroVm}; of the lower half at {@link dev.microvm.boot.BootPlan}.
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
}
