/** Command line of microvm. */
module dev.microvm.cli {
    requires static transitive org.jspecify;
    requires dev.microvm.sandbox;
    requires info.picocli;
    requires org.eclipse.jetty.server;
    requires org.eclipse.jetty.unixdomain.server;
    requires org.slf4j;
    requires tools.jackson.core;

    opens dev.microvm.cli to
            info.picocli;
    opens dev.microvm.cli.attach to
            info.picocli;
    opens dev.microvm.cli.control to
            info.picocli;
    opens dev.microvm.cli.doctor to
            info.picocli;
    opens dev.microvm.cli.run to
            info.picocli;
    opens dev.microvm.cli.qemu to
            info.picocli;
    opens dev.microvm.cli.firecracker to
            info.picocli;
}
