package dev.microvm.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The command line of this process, to start the same program once more in the background. */
public final class OwnCommandLine {
    private static final Path SETSID = Path.of("/usr/bin/setsid");

    private OwnCommandLine() {}

    /**
     * Returns the words, in a session of its own where the host has setsid(1).
     *
     * @param option the option that asks for it, for the error
     * @throws CliException if this process does not know its command line
     */
    public static List<String> inBackground(String option) throws IOException {
        byte[] all = Files.readAllBytes(Path.of("/proc/self/cmdline"));
        List<String> words = new ArrayList<>(Arrays.asList(new String(all, StandardCharsets.UTF_8).split("\0", -1)));
        words.removeLast(); // each word ends with a 0
        if (words.isEmpty()) {
            throw new CliException(
                    option + ": this process does not know its command line", "leave " + option + " out");
        }
        words.set(0, Path.of(System.getProperty("java.home"), "bin", "java").toString());
        if (Files.isExecutable(SETSID)) words.addFirst(SETSID.toString());
        return words;
    }
}
