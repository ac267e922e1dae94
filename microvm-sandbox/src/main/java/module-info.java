/**
 * Guests to work with: a root from a directory, an archive or an OCI image, and an agent in the
 * guest that runs commands, moves files and forwards ports.
 */
module dev.microvm.sandbox {
    requires static transitive org.jspecify;
    requires transitive dev.microvm.boot;
    requires java.net.http;
    requires org.slf4j;
    requires org.tukaani.xz;

    exports dev.microvm.sandbox;
    exports dev.microvm.sandbox.root;
}
