package dev.microvm.limits;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How many file descriptors this process may open (getrlimit(2), RLIMIT_NOFILE). */
final class DescriptorLimit {
    /** What is assumed where it cannot be read: the soft limit that most systems start with. */
    private static final long USUAL = 1_024;

    private static final Path LIMITS = Path.of("/proc/self/limits");
    private static final String ROW = "Max open files";

    private DescriptorLimit() {}

    static long ofThisProcess() {
        try {
            for (String line : Files.readAllLines(LIMITS)) {
                if (line.startsWith(ROW)) {
                    return parse(line);
                }
            }
        } catch (IOException | NumberFormatException e) {
            return USUAL;
        }
        return USUAL;
    }

    /** Returns the soft limit of a row such as {@code Max open files  1024  524288  files}. */
    static long parse(String row) {
        String soft = row.substring(ROW.length()).strip().split("\\s+", 2)[0];
        return soft.equals("unlimited") ? Long.MAX_VALUE : Long.parseLong(soft);
    }
}
