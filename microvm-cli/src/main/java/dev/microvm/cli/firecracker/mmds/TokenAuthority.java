package dev.microvm.cli.firecracker.mmds;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Base64;
import java.util.function.LongSupplier;
import javax.crypto.Cipher;
import javax.crypto.KeyGenerator;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;

/**
 * Makes and checks session tokens: the time at which a token ends, encrypted with AES-256-GCM under
 * a key of this process. Nothing is kept of a token. Any thread may call.
 */
final class TokenAuthority {
    /** The shortest life of a token in seconds. */
    static final long MIN_SECONDS = 1;

    /** The longest life of a token in seconds: six hours. */
    static final long MAX_SECONDS = 21_600;

    private static final int KEY_BITS = 256;
    private static final int NONCE_BYTES = 12;
    private static final int TAG_BITS = 128;
    private static final int LONGEST_TOKEN = 70; // Firecracker's TOKEN_LENGTH_LIMIT
    private static final int NANOS_PER_SECOND = 1_000_000_000;

    private final SecretKey key;
    private final byte[] instance;
    private final LongSupplier nanoTime;
    private final SecureRandom random = new SecureRandom();

    /**
     * Makes one with a new key.
     *
     * @param id name of the machine, whose tokens are not those of another
     * @param nanoTime a clock that never goes back
     */
    TokenAuthority(String id, LongSupplier nanoTime) {
        try {
            KeyGenerator generator = KeyGenerator.getInstance("AES");
            generator.init(KEY_BITS);
            key = generator.generateKey();
        } catch (GeneralSecurityException e) {
            throw new AssertionError("every Java has AES", e);
        }
        instance = ("microvmid=" + id).getBytes(UTF_8);
        this.nanoTime = nanoTime;
    }

    /** Returns a token that is valid for a time of {@link #MIN_SECONDS} to {@link #MAX_SECONDS}. */
    String generate(long seconds) {
        byte[] nonce = new byte[NONCE_BYTES];
        random.nextBytes(nonce);
        long end = nanoTime.getAsLong() + seconds * NANOS_PER_SECOND;
        try {
            byte[] sealed = cipher(Cipher.ENCRYPT_MODE, nonce)
                    .doFinal(ByteBuffer.allocate(Long.BYTES).putLong(end).array());
            byte[] token = ByteBuffer.allocate(NONCE_BYTES + sealed.length)
                    .put(nonce)
                    .put(sealed)
                    .array();
            return Base64.getEncoder().encodeToString(token);
        } catch (GeneralSecurityException e) {
            throw new AssertionError("every Java has AES/GCM", e);
        }
    }

    /** Whether this authority has made the token, and it has not ended. */
    boolean isValid(String token) {
        if (token.length() > LONGEST_TOKEN) return false;
        try {
            byte[] bytes = Base64.getDecoder().decode(token);
            if (bytes.length <= NONCE_BYTES) return false;
            byte[] nonce = Arrays.copyOf(bytes, NONCE_BYTES);
            byte[] end = cipher(Cipher.DECRYPT_MODE, nonce).doFinal(bytes, NONCE_BYTES, bytes.length - NONCE_BYTES);
            return end.length == Long.BYTES && ByteBuffer.wrap(end).getLong() - nanoTime.getAsLong() > 0;
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            return false; // it is no token of ours
        }
    }

    private Cipher cipher(int mode, byte[] nonce) throws GeneralSecurityException {
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(mode, key, new GCMParameterSpec(TAG_BITS, nonce));
        cipher.updateAAD(instance);
        return cipher;
    }
}
