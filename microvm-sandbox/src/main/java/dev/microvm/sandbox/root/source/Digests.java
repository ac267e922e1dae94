package dev.microvm.sandbox.root.source;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Digests that every JVM has. */
public final class Digests {
    private Digests() {}

    /** Begins a SHA-256 digest. */
    public static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("java.security.MessageDigest: every Java platform has SHA-256", e);
        }
    }
}
