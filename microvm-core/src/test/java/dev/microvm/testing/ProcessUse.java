package dev.microvm.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * What this process holds of the host: what a test compares before and after.
 *
 * @param descriptors open files
 * @param kvmDescriptors those of KVM
 * @param eventFds those of eventfd(2)
 * @param mappings stretches of address space
 * @param kvmMappings those of KVM
 * @param threads all, the JVM's own among them
 * @param machineThreads Java threads of machines, by their names
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

    /** What it holds now. */
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
