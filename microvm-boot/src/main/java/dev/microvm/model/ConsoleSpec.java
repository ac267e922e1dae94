package dev.microvm.model;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Where the guest's console leads on the host, besides {@code MicroVm.console}. */
public sealed interface ConsoleSpec {

    /** What is wrong with it, as far as can be seen without opening anything. */
    default Optional<String> problem() {
        return Optional.empty();
    }

    /** Whether what somebody types there reaches the guest. */
    default boolean hasInput() {
        return false;
    }

    /** Nowhere but memory. */
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

    /** A file that gets what the guest prints. */
    record ToFile(Path file) implements ConsoleSpec {
        @Override
        public Optional<String> problem() {
            Path folder = file.toAbsolutePath().getParent();
            if (Files.isDirectory(file)) return Optional.of("the path of a file, was the folder " + file);
            if (folder == null || !Files.isDirectory(folder)) {
                return Optional.of("a file in a folder that exists, was " + file);
            }
            return Files.isWritable(Files.exists(file) ? file : folder)
                    ? Optional.empty()
                    : Optional.of("a file that may be written, was " + file);
        }

        @Override
        public String toString() {
            return "file " + file;
        }
    }

    /**
     * Streams of the program, which are code and not part of a description.
     *
     * @param hasInput whether there is one to read from
     */
    record Streams(boolean hasInput) implements ConsoleSpec {
        @Override
        public String toString() {
            return hasInput ? "streams" : "stream";
        }
    }
}
