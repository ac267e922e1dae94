package dev.microvm.boot;

import java.util.Objects;
import java.util.Set;

/** Permissions of files in an {@link Initramfs}. */
public final class FileMode {
    private static final int MASK = 07777;
    private static final int OCTAL = 8;
    private static final String LETTERS = "rwxrwxrwx";

    /** Modes that files have; others are rare. */
    private static final Set<Integer> USUAL = Set.of(
            0400, 0440, 0444, 0500, 0550, 0555, 0600, 0620, 0640, 0644, 0660, 0664, 0666, 0700, 0710, 0711, 0750, 0751,
            0755, 0770, 0771, 0775, 0777, 01777, 02755, 04755);

    private FileMode() {}

    /**
     * Returns the permissions that a text says: octal digits such as {@code "755"}, or letters such
     * as {@code "rwxr-xr-x"}.
     *
     * @throws IllegalArgumentException if it is neither
     */
    public static int of(String text) {
        Objects.requireNonNull(text, "text");
        if (text.matches("[0-7]{1,5}")) return check(Integer.parseInt(text, OCTAL), text);
        if (text.length() != LETTERS.length()) throw wrong(text);
        int mode = 0;
        for (int i = 0; i < LETTERS.length(); i++) {
            char c = text.charAt(i);
            if (c != '-' && c != LETTERS.charAt(i)) throw wrong(text);
            mode = mode << 1 | (c == '-' ? 0 : 1);
        }
        return mode;
    }

    /**
     * Checks a number. One whose decimal digits are a usual mode, though it is none itself, was
     * meant to be octal: 755 is 01363.
     *
     * @throws IllegalArgumentException if it is not 0 to 07777, or is such a number
     */
    static int check(int mode, String path) {
        if ((mode & ~MASK) != 0) {
            throw new IllegalArgumentException("mode 0%o of %s: must be permissions, 0 to 07777".formatted(mode, path));
        }
        String digits = Integer.toString(mode);
        if (!USUAL.contains(mode) && digits.matches("[0-7]+") && USUAL.contains(Integer.parseInt(digits, OCTAL))) {
            throw new IllegalArgumentException("mode %d of %s: is 0%o in octal; write 0%d, or FileMode.of(\"%d\")"
                    .formatted(mode, path, mode, mode, mode));
        }
        return mode;
    }

    private static IllegalArgumentException wrong(String text) {
        return new IllegalArgumentException("mode '%s': must be like 755 or rwxr-xr-x".formatted(text));
    }
}
