package dev.microvm.sandbox.root.registry;

import java.nio.charset.StandardCharsets;
import java.util.Base64;

/**
 * Who asks a registry.
 *
 * @param user name; of no meaning with an identity token
 * @param secret password or token
 * @param isToken whether the secret is an identity token, which gets other tokens
 */
record Login(String user, String secret, boolean isToken) {
    /** The user's name that a credential helper gives for an identity token. */
    static final String TOKEN_USER = "<token>";

    /** Returns the header {@code Authorization}: RFC 7617. */
    String basic() {
        byte[] pair = (user + ":" + secret).getBytes(StandardCharsets.UTF_8);
        return "Basic " + Base64.getEncoder().encodeToString(pair);
    }

    @Override
    public String toString() {
        return user; // never the secret
    }
}
