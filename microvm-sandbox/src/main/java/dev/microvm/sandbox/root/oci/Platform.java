package dev.microvm.sandbox.root.oci;

/**
 * What an image is for.
 *
 * @param os such as {@code linux}
 * @param architecture in Go's words: {@code amd64}, {@code arm64}
 * @param variant such as {@code v8}; empty means any
 */
public record Platform(String os, String architecture, String variant) {
    static Platform of(Json json) {
        return new Platform(
                json.get("os").text(),
                json.get("architecture").text(),
                json.get("variant").text());
    }

    boolean accepts(Platform other) {
        return os.equals(other.os)
                && architecture.equals(other.architecture)
                && (variant.isEmpty() || variant.equals(other.variant));
    }

    @Override
    public String toString() {
        return os + "/" + architecture + (variant.isEmpty() ? "" : "/" + variant);
    }
}
