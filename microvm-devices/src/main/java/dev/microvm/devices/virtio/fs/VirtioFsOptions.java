package dev.microvm.devices.virtio.fs;

import dev.microvm.backend.fs.SharedDirectory;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * A shared directory as the guest finds it. Immutable: each method returns a changed copy.
 *
 * <pre>{@code
 * VirtioFsOptions.of("src", SharedDirectory.of(Path.of("project/src")).readOnly())
 * }</pre>
 *
 * <p>In the guest: {@code mount -t virtiofs src /mnt}.
 *
 * @param tag by which the guest mounts it: 1 to 36 letters, digits, '.', '_' or '-'
 * @param directory the directory of the host
 */
public record VirtioFsOptions(String tag, SharedDirectory directory) {
    private static final Pattern TAG = Pattern.compile("[A-Za-z0-9._-]{1,%d}".formatted(VirtioFs.MOST_TAG));

    /** Refuses null; {@link #problems} finds everything else. */
    public VirtioFsOptions {
        Objects.requireNonNull(tag, "tag: null; give the name by which the guest mounts it");
        Objects.requireNonNull(directory, "directory: null; give SharedDirectory.of(path)");
    }

    /** A directory that the guest finds by a tag. */
    public static VirtioFsOptions of(String tag, SharedDirectory directory) {
        return new VirtioFsOptions(tag, directory);
    }

    /** With another directory. */
    public VirtioFsOptions directory(SharedDirectory other) {
        return new VirtioFsOptions(tag, other);
    }

    /** Whether a text can be a tag. */
    public static boolean isTag(String text) {
        return TAG.matcher(Objects.requireNonNull(text, "text")).matches();
    }

    /** Returns what is wrong with this description now; empty if nothing is. */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (!isTag(tag)) {
            problems.add("tag: 1 to %d letters, digits, '.', '_' or '-', was \"%s\"".formatted(VirtioFs.MOST_TAG, tag));
        }
        problems.addAll(directory.problems());
        return problems;
    }

    @Override
    public String toString() {
        return tag + " " + directory;
    }
}
