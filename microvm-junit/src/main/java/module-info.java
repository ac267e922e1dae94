/** JUnit Jupiter extension: guests as fields and parameters of tests. */
module dev.microvm.junit {
    requires static transitive org.jspecify;
    requires transitive dev.microvm.sandbox;
    requires transitive org.junit.jupiter.api;
    requires org.slf4j;

    exports dev.microvm.junit;
}
