package dev.microvm.model;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/** The host's target of the guest's console, besides {@code MicroVm.console}. */
public sealed interface ConsoleSpec {

    /**
     * Returns what is wrong with it and can be found without opening anything; empty if nothing.
     */
    default Optional<String> problem() {
        return Optional.empty();
    }

    /** Whether it has input for the guest. */
    default boolean hasInput() {
        return false;
    }

    /** No target: output is kept in memory only. */
    record Buffer() implements ConsoleSpec {
        @Override
        public String toString() {
            return "kept in memory only";
        }
    }

    /** The standard input and output of this process. */
    record Stdio() implements ConsoleSpec {
        @Override
        public Optional<String> problem() {
            return System.getProperty("os.name").equals("Linux")
                    ? Optional.empty()
                    : Optional.of("stdio() needs a Linux host; use streams(System.in, System.out)");
        }

        @Override
        public boolean hasInput() {
            return true;
        }

        @Override
        public String toString() {
            return "standard input and output";
        }
    }

    /** A file that receives what the guest prints. */
    record ToFile(Path file) implements ConsoleSpec {
        /** Refuses null. */
        public ToFile {
            Objects.requireNonNull(file, "file");
        }

        @Override
        public Optional<String> problem() {
            Path folder = file.toAbsolutePath().getParent();
            if (Files.isDirectory(file)) return Optional.of("must be a file, was the folder " + file);
            if (folder == null || !Files.isDirectory(folder)) {
                return Optional.of("must be a file in an existing folder, was " + file);
            }
            return Files.isWritable(Files.exists(file) ? file : folder)
                    ? Optional.empty()
                    : Optional.of("must be a writable file, was " + file);
        }

        @Override
        public String toString() {
            return "file " + file;
        }
    }

    /**
     * The program's own streams; they are code and not part of a description.
     *
     * @param hasInput whether there is an input stream
     */
    record Streams(boolean hasInput) implements ConsoleSpec {
        @Override
        public String toString() {
            return hasInput ? "streams" : "stream";
        }
    }
}
