/** JUnit Jupiter extension: guests as fields and parameters of tests. */
module dev.microvm.junit {
    requires static transitive org.jspecify;
    requires transitive dev.microvm.sandbox;
    requires transitive org.junit.jupiter.api;
    requires jdk.management; // the host's memory
    requires org.opentest4j;
    requires org.slf4j;

    exports dev.microvm.junit;

    opens dev.microvm.junit to
            org.junit.platform.commons; // makes the extension, which is not public
}
