package dev.microvm.boot;

import static java.util.stream.Collectors.joining;

import dev.microvm.memory.GuestMemory;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** A kernel's command line, checked. */
public final class CommandLine {
    /**
     * Maximum length for a kernel whose file does not say it, in bytes: Linux asm/setup.h,
     * COMMAND_LINE_SIZE less 1.
     */
    public static final int DEFAULT_MAX_LENGTH = 2047;

    private static final String OPTION = "cmdline";

    /**
     * The word behind which all is for init: Linux
     * Documentation/admin-guide/kernel-parameters.rst.
     */
    private static final String FOR_INIT = "--";

    private static final char QUOTE = '"';

    private final String text;

    private CommandLine(String text) {
        this.text = text;
    }

    /**
     * Makes a command line and checks its characters.
     *
     * @throws BootException if one of them is a control character other than a tab, or not ASCII
     */
    public static CommandLine of(String text) {
        Objects.requireNonNull(text, "cmdline");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if ((c < ' ' && c != '\t') || c >= 0x7F) {
                throw new BootException(
                        OPTION, "printable ASCII characters", "U+%04X%s at index %d".formatted((int) c, nameOf(c), i));
            }
        }
        return new CommandLine(text);
    }

    /**
     * Returns the same with more parameters, after those for the kernel and before those for init.
     *
     * @throws BootException as {@link #of}
     */
    public CommandLine with(List<String> parameters) {
        Objects.requireNonNull(parameters, "parameters");
        if (parameters.isEmpty()) return this;
        int end = endOfKernelParameters();
        return of(Stream.of(text.substring(0, end).strip(), String.join(" ", parameters), text.substring(end))
                .filter(each -> !each.isEmpty())
                .collect(joining(" ")));
    }

    /**
     * The offset of the word {@value #FOR_INIT}, or the length without one. Words are split as
     * Linux does it: kernel/params.c, {@code parse_args}; lib/cmdline.c, {@code next_arg}.
     */
    private int endOfKernelParameters() {
        for (int start = startOfWord(0); start < text.length(); ) {
            int end = endOfWord(start);
            String word = text.substring(start, end);
            if (word.equals(FOR_INIT) || word.equals(QUOTE + FOR_INIT + QUOTE)) return start;
            start = startOfWord(end);
        }
        return text.length();
    }

    private int startOfWord(int from) {
        int at = from;
        while (at < text.length() && isSpace(text.charAt(at))) at++;
        return at;
    }

    /** Where a word ends: at a space that is not between quotes. */
    private int endOfWord(int start) {
        boolean quoted = false;
        int at = start;
        while (at < text.length() && (quoted || !isSpace(text.charAt(at)))) {
            if (text.charAt(at) == QUOTE) quoted = !quoted;
            at++;
        }
        return at;
    }

    private static boolean isSpace(char c) {
        return c == ' ' || c == '\t'; // no other space can be in it
    }

    /** Returns the length in characters, which is also its length in bytes. */
    public int length() {
        return text.length();
    }

    /**
     * Checks the length.
     *
     * @param max maximum length that the kernel takes, in bytes without the terminating zero
     * @throws BootException if it is longer
     */
    void requireLength(long max) {
        long limit = Math.min(max, BootLayout.CMDLINE_MAX_SIZE - 1);
        if (text.length() > limit) {
            throw new BootException(
                    OPTION,
                    "at most %d characters, which is what this kernel takes".formatted(limit),
                    text.length() + " characters");
        }
    }

    /** Writes it to {@code address} with a terminating zero. */
    void write(GuestMemory memory, long address) {
        memory.write(address, bytes());
    }

    /** Returns its characters and a terminating zero. */
    public byte[] bytes() {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        return Arrays.copyOf(bytes, bytes.length + 1);
    }

    @Override
    public String toString() {
        return text;
    }

    private static String nameOf(char c) {
        return switch (c) {
            case 0 -> " (NUL)";
            case '\n' -> " (newline)";
            case '\r' -> " (carriage return)";
            default -> "";
        };
    }
}
