package dev.microvm.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Facts of the host that limit a machine. */
final class HostFacts {
    private static final Path MEMORY = Path.of("/proc/meminfo");
    private static final Pattern TOTAL = Pattern.compile("^MemTotal:\\s+(\\d+) kB", Pattern.MULTILINE);

    private HostFacts() {}

    /** Read when it is first asked for: it stays as it is. */
    private static final class Memory {
        static final long MIB = readMemoryMiB();
    }

    /** Returns the host's RAM in MiB; {@link Long#MAX_VALUE} if unknown. */
    static long memoryMiB() {
        return Memory.MIB;
    }

    private static long readMemoryMiB() {
        try {
            Matcher total = TOTAL.matcher(Files.readString(MEMORY));
            return total.find() ? Long.parseLong(total.group(1)) >> 10 : Long.MAX_VALUE;
        } catch (IOException e) {
            return Long.MAX_VALUE;
        }
    }
}
