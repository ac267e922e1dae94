/** A processor in Java, as a hypervisor. Nothing of it is exported: it is found as a service. */
module dev.microvm.engine {
    requires dev.microvm.core;
    requires static org.jspecify;
}
