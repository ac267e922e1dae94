package dev.microvm.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * The host resources that this process holds, for a test to compare before and after.
 *
 * @param descriptors number of open file descriptors
 * @param kvmDescriptors number of those of KVM
 * @param eventFds number of those of eventfd(2)
 * @param mappings number of memory mappings
 * @param kvmMappings number of those of KVM
 * @param threads number of all threads, including those of the JVM
 * @param machineThreads number of Java threads with a name of a machine thread
 */
public record ProcessUse(
        long descriptors,
        long kvmDescriptors,
        long eventFds,
        long mappings,
        long kvmMappings,
        long threads,
        long machineThreads) {
    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
    private static final Path MAPPINGS = Path.of("/proc/self/maps");
    private static final Path THREADS = Path.of("/proc/self/task");

    /** Returns what this process holds now. */
    public static ProcessUse now() {
        try {
            return new ProcessUse(
                    descriptorsOf(""),
                    descriptorsOf("kvm"),
                    descriptorsOf("[eventfd]"),
                    mappingsOf(""),
                    mappingsOf("kvm"),
                    count(THREADS),
                    Thread.getAllStackTraces().keySet().stream()
                            .filter(thread -> thread.getName().startsWith("microvm-"))
                            .count());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static long count(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.count();
        }
    }

    private static long descriptorsOf(String kind) throws IOException {
        try (Stream<Path> entries = Files.list(DESCRIPTORS)) {
            return entries.filter(entry -> target(entry).contains(kind)).count();
        }
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) {
            return ""; // closed meanwhile
        }
    }

    private static long mappingsOf(String kind) throws IOException {
        try (Stream<String> lines = Files.lines(MAPPINGS)) {
            return lines.filter(line -> line.contains(kind)).count();
        }
    }
}
