package dev.microvm.sandbox.root.registry;

import java.net.URI;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The name of an image: {@code registry/repository:tag}, or {@code registry/repository@digest}.
 *
 * @param registry host, with its port if it has one
 * @param repository path there
 * @param reference a tag or a digest
 */
public record ImageName(String registry, String repository, String reference) {
    private static final String DEFAULT_TAG = "latest";
    private static final String COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
    private static final Pattern NAME =
            Pattern.compile("(?<registry>[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\\[[0-9a-fA-F:]+](?::[0-9]{1,5})?)/"
                    + "(?<repository>" + COMPONENT + "(?:/" + COMPONENT + ")*)"
                    + "(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
                    + "(?:@(?<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?");
    private static final Pattern LOOPBACK = Pattern.compile("(localhost|127(\\.[0-9]+){3}|\\[::1])(:[0-9]+)?");

    /**
     * Reads a name.
     *
     * @throws IllegalArgumentException if it is none, or names no registry
     */
    public static ImageName parse(String name) {
        Matcher matcher = NAME.matcher(name);
        boolean valid = name.length() <= 1024 && matcher.matches();
        if (!valid || !isHost(matcher.group("registry"))) {
            throw new IllegalArgumentException(
                    "image '%s': must be registry/repository:tag, such as registry.example.org/debian:12"
                            .formatted(name));
        }
        String digest = matcher.group("digest");
        String tag = matcher.group("tag");
        String reference = digest != null ? digest : tag != null ? tag : DEFAULT_TAG;
        return new ImageName(matcher.group("registry"), matcher.group("repository"), reference);
    }

    /** A first part without a dot or port would be part of the repository elsewhere. */
    private static boolean isHost(String first) {
        return first.equals("localhost") || first.indexOf('.') >= 0 || first.indexOf(':') >= 0;
    }

    /** Returns whether the reference is a digest, so that the image cannot change. */
    public boolean isDigest() {
        return reference.indexOf(':') >= 0;
    }

    /** Returns the address of a resource of the repository; only this host itself is asked without TLS. */
    URI resource(String kind, String resource) {
        String scheme = LOOPBACK.matcher(registry).matches() ? "http" : "https";
        return URI.create("%s://%s/v2/%s/%s/%s".formatted(scheme, registry, repository, kind, resource));
    }

    @Override
    public String toString() {
        return registry + "/" + repository + (isDigest() ? "@" : ":") + reference;
    }
}
