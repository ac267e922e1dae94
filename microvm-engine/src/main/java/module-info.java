/**
 * An x86-64 CPU in Java behind the hypervisor SPI. Nothing of it is exported: it is found as a
 * {@link dev.microvm.hypervisor.Hypervisor} service named {@code engine}.
 */
module dev.microvm.engine {
    requires static transitive org.jspecify;
    requires transitive dev.microvm.core;
    requires org.objectweb.asm;
    requires org.slf4j;

    provides dev.microvm.hypervisor.Hypervisor with
            dev.microvm.engine.EngineHypervisor;
}
