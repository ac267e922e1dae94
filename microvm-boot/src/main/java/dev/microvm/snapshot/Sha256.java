package dev.microvm.snapshot;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** The hash function that names snapshots. */
final class Sha256 {
    private Sha256() {}

    /** Returns a digest that has got nothing yet. */
    static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JVM has SHA-256", e);
        }
    }
}
