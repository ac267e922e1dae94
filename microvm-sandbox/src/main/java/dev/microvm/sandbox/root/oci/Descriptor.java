package dev.microvm.sandbox.root.oci;

import dev.microvm.sandbox.root.tree.RootContentException;
import java.util.regex.Pattern;

/**
 * What names a blob: descriptor.md of the specification.
 *
 * @param mediaType what it is
 * @param digest {@code sha256:} or {@code sha512:} and hexadecimal digits
 * @param size in bytes
 */
public record Descriptor(String mediaType, String digest, long size) {
    private static final Pattern DIGEST = Pattern.compile("sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}");

    /** @throws RootContentException if the digest is none, or the size is negative */
    public Descriptor {
        if (!DIGEST.matcher(digest).matches()) {
            throw new RootContentException("'%s' is no digest".formatted(digest), "give sha256: and 64 digits");
        }
        if (size < 0) throw new RootContentException("%s has %d bytes".formatted(digest, size), "make the image again");
    }

    static Descriptor of(Json json) {
        return new Descriptor(
                json.get("mediaType").text(),
                json.get("digest").text(),
                json.get("size").number(-1));
    }

    /** Returns the algorithm: {@code sha256} or {@code sha512}. */
    public String algorithm() {
        return digest.substring(0, digest.indexOf(':'));
    }

    /** Returns the digits. */
    public String hex() {
        return digest.substring(digest.indexOf(':') + 1);
    }
}
