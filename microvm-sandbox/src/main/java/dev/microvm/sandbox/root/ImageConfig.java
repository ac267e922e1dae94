package dev.microvm.sandbox.root;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * What an image says about its program. Roots that are no images have {@link #NONE}.
 *
 * <p>Source: OCI image specification, config.md.
 *
 * @param entrypoint first words of the command; may be empty
 * @param cmd words that follow them, which a caller may replace; may be empty
 * @param env variables, {@code NAME=value} each
 * @param workdir working directory; empty if the image does not say
 * @param user {@code user}, {@code uid}, {@code user:group} or {@code uid:gid}; empty means root
 */
public record ImageConfig(List<String> entrypoint, List<String> cmd, List<String> env, String workdir, String user) {
    /** No program, no variables, root's. */
    public static final ImageConfig NONE = new ImageConfig(List.of(), List.of(), List.of(), "", "");

    /** @throws NullPointerException if something is null */
    public ImageConfig {
        entrypoint = List.copyOf(Objects.requireNonNull(entrypoint, "entrypoint"));
        cmd = List.copyOf(Objects.requireNonNull(cmd, "cmd"));
        env = List.copyOf(Objects.requireNonNull(env, "env"));
        Objects.requireNonNull(workdir, "workdir");
        Objects.requireNonNull(user, "user");
    }

    /** Returns the whole command: entry point, then cmd; empty if the image has none. */
    public List<String> command() {
        List<String> words = new ArrayList<>(entrypoint);
        words.addAll(cmd);
        return List.copyOf(words);
    }
}
