package dev.microvm.cli;

import java.util.Objects;
import picocli.CommandLine.IVersionProvider;

/** The version of the program and of the JVM that runs it. */
final class ProgramVersion implements IVersionProvider {
    @Override
    public String[] getVersion() {
        String version = Main.class.getPackage().getImplementationVersion(); // of the jar's manifest
        return new String[] {
            "microvm " + Objects.requireNonNullElse(version, "(not packaged)"), "Java " + Runtime.version()
        };
    }
}
